#include "net/asio.hpp"
