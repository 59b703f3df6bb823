/// Calls of the C++ vector runner that ask an object or end one: a line each.
#include "runner.hpp"

namespace vectors {

namespace {

/// A call that asks the object of argument `name`.
template <class T, class Ask>
auto ask(const char *name, Ask ask) {
    return [name, ask](Step &step) {
        const T &object = step.get<T>(name);
        using Answer = decltype(ask(object, step));
        if constexpr (std::is_arithmetic_v<Answer>) step.expect(static_cast<double>(ask(object, step)));
        else if constexpr (std::is_enum_v<Answer>) step.expect(static_cast<double>(static_cast<std::int32_t>(ask(object, step))));
        else step.expect(ask(object, step));
    };
}

auto drop(const char *name) {
    return [name](Step &step) { step.drop(name); };
}

/// A member function without arguments, one with an index, one with a key.
#define GETTER(stem, name, Class, member) \
    calls["groma_" #stem "_" #member] = ask<groma::Class>(name, [](const groma::Class &o, Step &) { return o.member(); })
#define INDEXED(stem, name, Class, member) \
    calls["groma_" #stem "_" #member] = ask<groma::Class>(name, [](const groma::Class &o, Step &s) { return o.member(s.index()); })

using ErrorThing = std::optional<groma::Error>;

void add_small(Calls &calls) {
    calls["groma_abi_version"] = [](Step &step) { step.expect(static_cast<double>(groma::abi_version())); };
    calls["groma_version"] = [](Step &step) { step.expect(groma::version()); };
    calls["groma_status_name"] = [](Step &step) { step.expect(groma::status_name(step.choice<groma::Status>("status"))); };
    calls["groma_error_code"] = ask<ErrorThing>(
        "error", [](const ErrorThing &e, Step &) { return e ? static_cast<std::int32_t>(e->status()) : GROMA_STATUS_OK; });
    calls["groma_error_message"] =
        ask<ErrorThing>("error", [](const ErrorThing &e, Step &) { return std::string_view(e ? e->what() : ""); });
    calls["groma_error_subject"] = ask<ErrorThing>("error", [](const ErrorThing &e, Step &) {
        return e && !e->subject().empty() ? std::string_view(e->subject()) : std::string_view();
    });
    calls["groma_error_destroy"] = drop("error");
    calls["groma_string_data"] = [](Step &step) {
        step.expect(step.argument("string").is_null() ? std::string_view() : std::string_view(step.get<std::string>("string")));
    };
    calls["groma_string_length"] = ask<std::string>("string", [](const std::string &s, Step &) { return s.size(); });
    calls["groma_string_destroy"] = drop("string");
    calls["groma_runtime_is_loaded"] = [](Step &step) { step.expect(groma::runtime::is_loaded() ? 1.0 : 0.0); };
    GETTER(devices, "devices", Devices, count);
    INDEXED(devices, "devices", Devices, name);
    INDEXED(devices, "devices", Devices, description);
    INDEXED(devices, "devices", Devices, memory_total_bytes);
    INDEXED(devices, "devices", Devices, memory_free_bytes);
    calls["groma_devices_fits"] = ask<groma::Devices>("devices", [](const groma::Devices &d, Step &s) {
        return d.fits(s.index(), static_cast<std::uint64_t>(s.number("bytes")));
    });
    GETTER(devices, "devices", Devices, least_loaded);
    GETTER(devices, "devices", Devices, json);
    calls["groma_devices_destroy"] = drop("devices");
    calls["groma_cancel_trigger"] = [](Step &step) {
        // An empty flag is not one that a default constructor makes.
        if (!step.argument("cancel").is_null()) step.get<groma::Cancel>("cancel").trigger();
        else groma::Cancel(nullptr).trigger();
    };
    calls["groma_cancel_is_triggered"] = ask<groma::Cancel>("cancel", [](const groma::Cancel &c, Step &) { return c.is_triggered(); });
    calls["groma_cancel_destroy"] = drop("cancel");
}

void add_models(Calls &calls) {
    GETTER(model, "model", Model, name);
    GETTER(model, "model", Model, class_count);
    INDEXED(model, "model", Model, class_name);
    GETTER(model, "model", Model, manifest_json);
    GETTER(model, "model", Model, describe_json);
    calls["groma_model_metadata"] =
        ask<groma::Model>("model", [](const groma::Model &m, Step &s) { return m.metadata(s.text("key")); });
    calls["groma_model_destroy"] = drop("model");
    GETTER(network, "network", Network, name);
    GETTER(network, "network", Network, input_count);
    INDEXED(network, "network", Network, input_name);
    GETTER(network, "network", Network, output_count);
    INDEXED(network, "network", Network, output_name);
    GETTER(network, "network", Network, describe_json);
    calls["groma_network_metadata"] =
        ask<groma::Network>("network", [](const groma::Network &n, Step &s) { return n.metadata(s.text("key")); });
    calls["groma_network_destroy"] = drop("network");
    calls["groma_checkpoint_count"] = ask<groma::Checkpoint>(
        "checkpoint", [](const groma::Checkpoint &c, Step &s) { return c.count(s.choice<groma::Section>("section")); });
    calls["groma_checkpoint_name"] = ask<groma::Checkpoint>(
        "checkpoint", [](const groma::Checkpoint &c, Step &s) { return c.name(s.choice<groma::Section>("section"), s.index()); });
    GETTER(run, "run", Run, tile_count);
    calls["groma_run_destroy"] = drop("run");
    GETTER(checkpoint, "checkpoint", Checkpoint, metadata_json);
    calls["groma_checkpoint_destroy"] = drop("checkpoint");
}

void add_values(Calls &calls) {
    GETTER(value, "value", Value, kind);
    GETTER(value, "value", Value, element_type);
    GETTER(value, "value", Value, size_bytes);
    GETTER(value, "value", Value, count);
    calls["groma_value_ndim"] = ask<groma::Value>("value", [](const groma::Value &v, Step &) { return v.shape().size(); });
    calls["groma_value_data"] = ask<groma::Value>("value", [](const groma::Value &v, Step &) {
        return Found{groma::ElementType::none, {}, v.data(), v.size_bytes()};
    });
    calls["groma_value_shape"] = [](Step &step) {
        const auto shape = step.get<groma::Value>("value").shape();
        const json &expected = step.argument("expect");
        if (!expected.is_array()) return step.expect(shape);
        if (json(std::vector<std::int64_t>(shape.begin(), shape.end())) != expected) step.fail("the shape is not " + expected.dump());
    };
    INDEXED(value, "value", Value, string);
    calls["groma_value_destroy"] = drop("value");
}

void add_points(Calls &calls) {
    GETTER(result, "result", Result, count);
    GETTER(result, "result", Result, class_count);
    GETTER(result, "result", Result, classes);
    GETTER(result, "result", Result, asprs);
    GETTER(result, "result", Result, confidence);
    GETTER(result, "result", Result, entropy);
    GETTER(result, "result", Result, probabilities);
    calls["groma_result_destroy"] = drop("result");
    GETTER(summary, "summary", Summary, points);
    calls["groma_summary_class_points"] = ask<groma::Summary>("summary", [](const groma::Summary &o, Step &s) {
        return o.class_points(static_cast<std::uint8_t>(s.number("asprs")));
    });
    GETTER(summary, "summary", Summary, mean_confidence);
    GETTER(summary, "summary", Summary, total_s);
    GETTER(summary, "summary", Summary, json);
    calls["groma_summary_destroy"] = drop("summary");
    GETTER(features, "features", Features, rows);
    GETTER(features, "features", Features, columns);
    INDEXED(features, "features", Features, column_name);
    GETTER(features, "features", Features, values);
    GETTER(features, "features", Features, schema_hash);
    GETTER(features, "features", Features, schema_json);
    calls["groma_features_destroy"] = drop("features");
    GETTER(ground, "ground", Ground, count);
    GETTER(ground, "ground", Ground, found);
    GETTER(ground, "ground", Ground, outside_hull);
    GETTER(ground, "ground", Ground, classes);
    GETTER(ground, "ground", Ground, heights);
    calls["groma_ground_destroy"] = drop("ground");
    GETTER(filtered, "filtered", Filtered, count);
    GETTER(filtered, "filtered", Filtered, rows);
    GETTER(filtered, "filtered", Filtered, mask);
    GETTER(filtered, "filtered", Filtered, positions);
    GETTER(filtered, "filtered", Filtered, threshold_m);
    calls["groma_filtered_destroy"] = drop("filtered");
    GETTER(filter_summary, "summary", FilterSummary, points);
    GETTER(filter_summary, "summary", FilterSummary, written);
    GETTER(filter_summary, "summary", FilterSummary, marked);
    GETTER(filter_summary, "summary", FilterSummary, json);
    calls["groma_filter_summary_destroy"] = drop("summary");
    GETTER(cloud, "cloud", Cloud, count);
    GETTER(cloud, "cloud", Cloud, column_count);
    INDEXED(cloud, "cloud", Cloud, column_name);
    GETTER(cloud, "cloud", Cloud, linear_unit_m);
    GETTER(cloud, "cloud", Cloud, crs_wkt);
    calls["groma_cloud_destroy"] = drop("cloud");
    GETTER(neighbors, "neighbors", Neighbors, count);
    GETTER(neighbors, "neighbors", Neighbors, total);
    GETTER(neighbors, "neighbors", Neighbors, offsets);
    GETTER(neighbors, "neighbors", Neighbors, indices);
    GETTER(neighbors, "neighbors", Neighbors, distances);
    calls["groma_neighbors_destroy"] = drop("neighbors");
}

} // namespace

void add_handles(Calls &calls) {
    add_small(calls);
    add_models(calls);
    add_values(calls);
    add_points(calls);
}

} // namespace vectors
