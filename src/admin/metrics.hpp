#pragma once

#include <functional>
#include <string>

#include "admin/console.hpp"

// What Prometheus reads. Names begin with "forebay_", units are seconds and bytes, counters end in "_total"
// (Prometheus' naming conventions); docs/manual/metrics.md lists them. Label values come from the configuration and
// from our own texts, never from what a client says, so that their number is bounded.
namespace forebay::admin {

// `done` on any thread, with what makes the page in the text format 0.0.4: for the control thread, as it takes a while.
void make_metrics(const control_surface& surface, std::function<void(std::function<std::string()>)> done);

}  // namespace forebay::admin
