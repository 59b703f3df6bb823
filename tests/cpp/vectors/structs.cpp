/// Structs of the C++ vector runner: options by the names of their fields, and points.
#include "runner.hpp"

namespace vectors {

namespace {

/// Sets the field that a case names.
struct Writer {
    const Step &step;
    const std::string &name;
    const json &value;
    bool found = false;

    template <class T>
    void operator()(const char *field, T &place) {
        if (name != field) return;
        found = true;
        write(place);
    }
    void write(bool &place) const { place = step.number(value) != 0; }
    void write(std::string &place) const { place = step.text(value); }
    void write(groma::Progress &place) const {
        if (value != "go" && value != "stop") step.fail("progress is neither go nor stop");
        auto calls = std::make_shared<int>(0);
        step.of().progress[step.argument("gives").value("options", "")] = calls;
        place = [calls, go = value == "go"](auto, auto, auto) {
            ++*calls;
            return go;
        };
    }
    void write(const groma::Cancel *&place) const { place = &step.get<groma::Cancel>(value); }
    void write(std::optional<std::vector<std::uint8_t>> &place) const { write(place.emplace()); }
    void write(std::vector<std::uint8_t> &place) const {
        for (const auto &item : value) place.push_back(static_cast<std::uint8_t>(step.number(item)));
    }
    void write(std::vector<std::string> &place) const {
        for (const auto &item : value) place.push_back(step.text(item));
    }
    template <class T>
    void write(T &place) const {
        if constexpr (std::is_enum_v<T>) place = static_cast<T>(static_cast<std::int32_t>(step.number(value)));
        else place = static_cast<T>(step.number(value));
    }
};

/// Compares the field that a case names with its default.
struct Checker {
    const Step &step;
    const std::string &name;
    const json &value;
    bool found = false;

    template <class T>
    void operator()(const char *field, const T &place) {
        if (name != field) return;
        found = true;
        if constexpr (std::is_enum_v<T> || std::is_arithmetic_v<T>) step.compare(name, &value, static_cast<double>(place));
        else if constexpr (std::is_same_v<T, std::string>) step.compare(name, &value, place.empty() ? std::string_view() : place);
        else if constexpr (std::is_pointer_v<T>) { if (place || !value.is_null()) step.fail(name + " is not empty"); }
        else if constexpr (std::is_same_v<T, std::optional<std::vector<std::uint8_t>>>) { if (place || !value.is_null()) step.fail(name); }
        else if constexpr (std::is_same_v<T, groma::Progress>) { if (place || !value.is_null()) step.fail(name + " is not empty"); }
        else if (!place.empty() || !value.is_null()) step.fail(name + " is not empty");
    }
};

template <class V, class Options>
void job(V &visit, Options &o) {
    visit("threads", o.threads);
    visit("progress", o.progress);
    visit("cancel", o.cancel);
}
template <class V>
void fields(V &visit, groma::ClassifyOptions &o) {
    job(visit, o);
    visit("search", o.search), visit("probabilities", o.probabilities), visit("write_confidence", o.write_confidence);
    visit("write_entropy", o.write_entropy), visit("point_format", o.point_format), visit("overwrite", o.overwrite);
    visit("block_size_m", o.block_size_m), visit("linear_unit_m", o.linear_unit_m), visit("keep_classes", o.keep_classes);
    visit("dtm", o.dtm);
}
template <class V>
void fields(V &visit, groma::FeaturesOptions &o) {
    job(visit, o);
    visit("search", o.search), visit("block_size_m", o.block_size_m), visit("linear_unit_m", o.linear_unit_m), visit("dtm", o.dtm);
    visit("device", o.device);
}
template <class V>
void fields(V &visit, groma::FeaturesFileOptions &o) {
    job(visit, o);
    visit("search", o.search), visit("point_format", o.point_format), visit("overwrite", o.overwrite);
    visit("block_size_m", o.block_size_m), visit("linear_unit_m", o.linear_unit_m), visit("dtm", o.dtm);
    visit("device", o.device);
}
template <class V>
void fields(V &visit, groma::GroundOptions &o) {
    job(visit, o);
    visit("height", o.height), visit("keep_others", o.keep_others), visit("point_format", o.point_format);
    visit("overwrite", o.overwrite), visit("cell_m", o.cell_m), visit("window_m", o.window_m), visit("slope", o.slope);
    visit("max_tolerance_m", o.max_tolerance_m), visit("tolerance_m", o.tolerance_m), visit("tolerance_slope", o.tolerance_slope);
    visit("linear_unit_m", o.linear_unit_m), visit("ignore_classes", o.ignore_classes), visit("dtm", o.dtm);
    visit("dtm_cell_m", o.dtm_cell_m);
}
template <class V>
void fields(V &visit, groma::FilterOptions &o) {
    job(visit, o);
    visit("search", o.search), visit("voxel_keep", o.voxel_keep), visit("mark", o.mark), visit("overwrite", o.overwrite);
    visit("neighbors", o.neighbors), visit("multiplier", o.multiplier), visit("radius_m", o.radius_m);
    visit("voxel_size_m", o.voxel_size_m), visit("count", o.count), visit("fraction", o.fraction), visit("start_row", o.start_row);
    visit("seed", o.seed), visit("linear_unit_m", o.linear_unit_m), visit("device", o.device);
}
template <class V>
void fields(V &visit, groma::LasOptions &o) {
    job(visit, o);
    double unused = 0; // a field of the C struct that must be 0
    visit("point_format", o.point_format), visit("overwrite", o.overwrite), visit("crs_wkt", o.crs_wkt);
    visit("linear_unit_m", unused);
}
template <class V>
void fields(V &visit, groma::NeighborsOptions &o) {
    job(visit, o);
    visit("search", o.search), visit("max_distance_m", o.max_distance_m), visit("linear_unit_m", o.linear_unit_m);
    visit("device", o.device);
}
template <class V>
void fields(V &visit, groma::NetworkOptions &o) {
    visit("threads", o.threads), visit("optimization", o.optimization), visit("device", o.device);
    visit("checkpoint", o.checkpoint), visit("extra_outputs", o.extra_outputs);
}
template <class V>
void fields(V &visit, groma::NetworkRunOptions &o) {
    visit("progress", o.progress);
    visit("cancel", o.cancel);
}
template <class V>
void fields(V &visit, groma::RunOptions &o) {
    job(visit, o);
    visit("resume", o.resume), visit("skip_failed", o.skip_failed), visit("assume_crs", o.assume_crs);
    visit("keep_index", o.keep_index), visit("shard_number", o.shard_number), visit("shard_count", o.shard_count);
    visit("work", o.work);
}
template <class V>
void fields(V &visit, groma::ModelOptions &o) {
    visit("manifest_json", o.manifest_json), visit("checkpoint", o.checkpoint), visit("device", o.device);
}

/// What the C++ struct has no field for: counts of its arrays, what callbacks are handed, fields that must be 0.
bool only_in_c(const std::string &name) {
    return name == "struct_size" || name == "reserved" || name == "progress_user" ||
           (name.size() > 6 && name.compare(name.size() - 6, 6, "_count") == 0);
}

template <class Options>
void make_options(Step &step) {
    Options options;
    for (const auto &[name, value] : step.argument("expect_defaults").items()) {
        Checker check{step, name, value};
        fields(check, options);
        if (!check.found && !only_in_c(name)) step.fail("the options have no field " + name);
    }
    for (const auto &[name, value] : step.argument("options").items()) {
        Writer write{step, name, value};
        fields(write, options);
        if (!write.found) step.fail("the options have no field " + name);
    }
    step.give("options", std::move(options));
}

/// A column of a tensor, in place: {"tensor": "@in:NAME", "column": 1}, or a tensor that is one column.
struct Column {
    Column(Step &step, const json &json) : array(step.array(json.is_object() ? json.at("tensor") : json)), first(array.bytes.data()) {
        if (!json.is_object()) return;
        const auto size = static_cast<std::ptrdiff_t>(array.bytes.size() / std::max<std::size_t>(array.count(), 1));
        stride_bytes = static_cast<std::ptrdiff_t>(array.shape.at(1)) * size;
        first += static_cast<std::ptrdiff_t>(step.number(json.at("column"))) * size;
    }

    const Array &array;
    const char *first;
    std::ptrdiff_t stride_bytes = 0;
};

/// A coordinate of either type.
template <class Set>
void coordinate(Step &step, const json &points, const char *axis, Set &&set) {
    if (!points.contains(axis) || points[axis].is_null()) return;
    const Column column(step, points[axis]);
    const void *first = column.first;
    if (column.array.type == groma::ElementType::i32) set(static_cast<const std::int32_t *>(first), column.stride_bytes);
    else set(static_cast<const double *>(first), column.stride_bytes);
}

void make_points(Step &step) {
    groma_points_t defaults;
    groma_points_init(&defaults, sizeof defaults);
    for (const auto &[name, value] : step.argument("expect_defaults").items()) {
        if (name == "resolution") step.compare(name, &value, defaults.resolution);
        if (name == "count") step.compare(name, &value, static_cast<double>(defaults.count));
        if (name == "coordinate_type") step.compare(name, &value, defaults.coordinate_type);
        if (name == "scale") step.compare(name, &value.at(0), defaults.scale[0]);
    }
    const json &fields = step.argument("points");
    std::uint64_t count = 0;
    if (fields.contains("count")) count = static_cast<std::uint64_t>(step.number(fields["count"]));
    else if (fields.contains("x") && !fields["x"].is_null()) count = static_cast<std::uint64_t>(Column(step, fields["x"]).array.shape.at(0));
    groma::Points points(count);
    coordinate(step, fields, "x", [&](auto *first, auto stride) { points.x(first, stride); });
    coordinate(step, fields, "y", [&](auto *first, auto stride) { points.y(first, stride); });
    coordinate(step, fields, "z", [&](auto *first, auto stride) { points.z(first, stride); });
    if (fields.contains("resolution")) points.resolution(step.number(fields["resolution"]));
    const auto triple = [&](const char *name, auto &&set) {
        if (fields.contains(name)) set(step.number(fields[name][0]), step.number(fields[name][1]), step.number(fields[name][2]));
    };
    triple("scale", [&](double x, double y, double z) { points.scale(x, y, z); });
    triple("offset", [&](double x, double y, double z) { points.offset(x, y, z); });
    if (fields.contains("columns"))
        for (const auto &[name, value] : fields["columns"].items()) {
            const Column column(step, value);
            points.column(name, column.array.type, column.first, column.stride_bytes);
        }
    step.give("points", std::move(points));
}

} // namespace

void add_structs(Calls &calls) {
    calls["groma_classify_options_init"] = make_options<groma::ClassifyOptions>;
    calls["groma_features_options_init"] = make_options<groma::FeaturesOptions>;
    calls["groma_features_file_options_init"] = make_options<groma::FeaturesFileOptions>;
    calls["groma_ground_options_init"] = make_options<groma::GroundOptions>;
    calls["groma_filter_options_init"] = make_options<groma::FilterOptions>;
    calls["groma_las_options_init"] = make_options<groma::LasOptions>;
    calls["groma_neighbors_options_init"] = make_options<groma::NeighborsOptions>;
    calls["groma_network_options_init"] = make_options<groma::NetworkOptions>;
    calls["groma_network_run_options_init"] = make_options<groma::NetworkRunOptions>;
    calls["groma_run_options_init"] = make_options<groma::RunOptions>;
    calls["groma_model_options_init"] = make_options<groma::ModelOptions>;
    calls["groma_points_init"] = make_points;
}

} // namespace vectors
