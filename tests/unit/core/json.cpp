#include <boost/json/src.hpp>  // Boost.JSON is compiled here, for the log's tests
