#pragma once

#include "admin/console.hpp"
#include "admin/http_server.hpp"

// What there is to read over HTTP:
//   /         the list of these
//   /metrics  for Prometheus (admin/metrics)
//   /health   200 while the process works
//   /ready    200 while it serves clients, and each cluster has a node that does; 503 with the reasons otherwise
//   /status   version, clients, clusters and their nodes, as JSON
namespace forebay::admin {

// `surface` outlives the pages.
http_pages make_http_pages(const control_surface& surface);

}  // namespace forebay::admin
