/// groma.hpp: the C++ interface of Groma, header-only, over groma.h. C++17 or newer.
///
/// Each object of the C interface is a move-only class that frees itself, arrays are spans, options are structs that
/// start with the defaults, and whatever fails throws `groma::Error`:
///
///     auto model = groma::Model::open_default();
///     auto done = groma::classify_file(model, "in.laz", "out.laz");
///     std::cout << done.points() << " points\n";
///
/// Exceptions, and not `std::expected`. Every call that does work can fail for reasons that its caller can do nothing about
/// on the spot (a damaged file, no ONNX Runtime), so nearly all hosts would hand each error one level up by hand, which is
/// what exceptions do; constructors and progress callbacks have no return value to put an error in; and `std::expected` is
/// C++23, while hosts of this library are often bound to C++17. No exception ever passes through the library: those of a
/// progress callback are caught, cancel the call, and come out of the call that the host has made. A program compiled with
/// `-fno-exceptions` can use this header too; an error then prints its sentence to stderr and aborts, so a host that wants to
/// go on after errors should call groma.h, which this header mixes with freely (`c()` of each class, and constructors that
/// take a handle over).
///
/// Threads and ownership are those of groma.h: `const` member functions may be called by any number of threads at the same
/// time, others by one. Views (`std::string_view`, `span`, tensors) live as long as the object that gave them; a `Value` has a
/// share of its memory and lives as long as it likes. Objects that were moved from are empty, and take part like NULL.
#ifndef GROMA_HPP
#define GROMA_HPP

#include "groma/core.hpp"

#include "groma/checkpoint.hpp"
#include "groma/classify.hpp"
#include "groma/features.hpp"
#include "groma/filter.hpp"
#include "groma/ground.hpp"
#include "groma/job.hpp"
#include "groma/las.hpp"
#include "groma/model.hpp"
#include "groma/neighbors.hpp"
#include "groma/network.hpp"
#include "groma/points.hpp"
#include "groma/run.hpp"
#include "groma/runtime.hpp"
#include "groma/span.hpp"
#include "groma/value.hpp"

#endif // GROMA_HPP
