/// Calls of the C++ vector runner that do work and can fail.
#include "runner.hpp"

#include <dlfcn.h>

namespace vectors {

namespace {

template <class Options>
Options &options(Step &step) {
    return step.get<Options>("options");
}

groma::Points &points(Step &step) { return step.get<groma::Points>("points"); }
groma::Model &model(Step &step) { return step.get<groma::Model>("model"); }

/// Gives a value, which may be compared at once.
void give_value(Step &step, const char *name, groma::Value value) {
    step.expect(value);
    step.give(name, std::move(value));
}

void give_string(Step &step, std::string text) {
    step.expect(std::string_view(text));
    step.give("json", std::move(text));
}

/// A tensor that left the library by DLPack; it is freed if nobody takes it.
class Managed {
public:
    Managed() = default;
    explicit Managed(void *tensor) : tensor_(static_cast<Fields *>(tensor)) {}
    Managed(Managed &&other) noexcept : tensor_(std::exchange(other.tensor_, nullptr)) {}
    Managed &operator=(Managed &&) = delete;
    ~Managed() {
        if (tensor_ && tensor_->deleter) tensor_->deleter(tensor_);
    }
    void *get() const { return tensor_; }
    void release() { tensor_ = nullptr; }

private:
    struct Fields {
        groma::Tensor tensor;
        void *context;
        void (*deleter)(Fields *self);
    };
    Fields *tensor_ = nullptr;
};

std::vector<groma::Value> values(Step &step, const char *name) {
    std::vector<groma::Value> values;
    for (const auto &item : step.argument(name)) values.push_back(step.get<groma::Value>(item).share());
    return values;
}

void add_runtime(Calls &calls) {
    calls["groma_runtime_load"] = [](Step &s) {
        if (s.argument("path").is_null()) groma::runtime::load();
        else groma::runtime::load(s.text("path"));
    };
    // What it wants is the OrtApiBase of a library that the host has loaded.
    calls["groma_runtime_use"] = [](Step &s) {
        if (s.argument("ort_api_base").is_null()) return groma::runtime::use(nullptr);
        void *library = dlopen(s.text("ort_api_base").c_str(), RTLD_NOW | RTLD_LOCAL);
        if (!library) s.fail(dlerror());
        const auto function = reinterpret_cast<const void *(*)()>(dlsym(library, "OrtGetApiBase"));
        groma::runtime::use(function ? function() : nullptr);
    };
    calls["groma_runtime_describe"] = [](Step &s) { give_string(s, groma::runtime::describe()); };
    calls["groma_doctor_json"] = [](Step &s) { give_string(s, groma::doctor()); };
    calls["groma_las_describe"] = [](Step &s) { give_string(s, groma::describe_las(s.text("path"))); };
    calls["groma_schema_describe"] = [](Step &s) { give_string(s, groma::describe_schema(s.text("schema"))); };
    calls["groma_model_batches_json"] = [](Step &s) { give_string(s, s.get<groma::Model>("model").batches_json()); };
    calls["groma_devices_list"] = [](Step &s) { s.give("devices", groma::Devices::list()); };
    calls["groma_cancel_create"] = [](Step &s) { s.give("cancel", groma::Cancel()); };
    calls["groma_log_set"] = [](Step &s) {
        Case &of = s.of();
        of.is_recording = !s.argument("callback").is_null();
        groma::Log record = [&of](groma::LogLevel, std::string_view target, std::string_view message) {
            of.messages += std::string(target) + ": " + std::string(message) + "\n";
        };
        groma::set_log(of.is_recording ? record : groma::Log(), s.choice<groma::LogLevel>("level"));
    };
}

void add_models(Calls &calls) {
    calls["groma_model_open"] = [](Step &s) { s.give("model", groma::Model::open(s.text("path"))); };
    calls["groma_model_open_default"] = [](Step &s) { s.give("model", groma::Model::open_default()); };
    calls["groma_model_open_default_with"] = [](Step &s) {
        s.give("model", groma::Model::open_default(options<groma::ModelOptions>(s)));
    };
    calls["groma_model_open_with"] = [](Step &s) {
        s.give("model", groma::Model::open(s.text("path"), options<groma::ModelOptions>(s)));
    };
    calls["groma_model_open_memory"] = [](Step &s) {
        const auto bytes = s.bytes("data");
        s.give("model", groma::Model::open_memory(s.text("name"), bytes.data(), bytes.size(), s.text("manifest_json")));
    };
    calls["groma_model_open_memory_with"] = [](Step &s) {
        const auto bytes = s.bytes("data");
        s.give("model", groma::Model::open_memory(s.text("name"), bytes.data(), bytes.size(), options<groma::ModelOptions>(s)));
    };
    calls["groma_model_open_ensemble"] = [](Step &s) {
        std::vector<const groma::Model *> models;
        for (const auto &item : s.argument("models")) models.push_back(&s.get<groma::Model>(item));
        std::vector<double> weights;
        for (const auto &item : s.argument("weights")) weights.push_back(s.number(item));
        s.give("model", groma::Model::ensemble(models, s.choice<groma::Combine>("combine"), weights));
    };
    calls["groma_network_open"] = [](Step &s) {
        s.give("network", groma::Network::open(s.text("path"), options<groma::NetworkOptions>(s)));
    };
    calls["groma_network_open_memory"] = [](Step &s) {
        const auto bytes = s.bytes("data");
        s.give("network",
               groma::Network::open_memory(s.text("name"), bytes.data(), bytes.size(), options<groma::NetworkOptions>(s)));
    };
    calls["groma_network_run"] = [](Step &s) {
        std::vector<groma::Input> inputs;
        const json &names = s.argument("input_names"), &given = s.argument("inputs");
        for (std::size_t i = 0; i < given.size(); i++) inputs.push_back({s.text(names.at(i)), s.get<groma::Value>(given[i])});
        std::vector<std::string> outputs;
        for (const auto &name : s.argument("output_names")) outputs.push_back(s.text(name));
        s.give("outputs", groma::Value::sequence(s.get<groma::Network>("network").run(inputs, outputs, options<groma::NetworkRunOptions>(s))));
    };
    calls["groma_checkpoint_create"] = [](Step &s) { s.give("checkpoint", groma::Checkpoint::create(s.text("metadata_json"))); };
    calls["groma_checkpoint_open"] = [](Step &s) { s.give("checkpoint", groma::Checkpoint::open(s.text("path"))); };
    calls["groma_checkpoint_add"] = [](Step &s) {
        s.get<groma::Checkpoint>("checkpoint")
            .add(s.choice<groma::Section>("section"), s.text("name"), s.get<groma::Value>("value"));
    };
    calls["groma_checkpoint_save"] = [](Step &s) {
        s.get<groma::Checkpoint>("checkpoint").save(s.text("path"), s.number("overwrite") != 0);
    };
    calls["groma_checkpoint_value"] = [](Step &s) {
        const auto &checkpoint = s.get<groma::Checkpoint>("checkpoint");
        give_value(s, "value", checkpoint.value(s.choice<groma::Section>("section"), s.text("name")));
    };
}

void add_values(Calls &calls) {
    calls["groma_value_copy_tensor"] = [](Step &s) {
        const auto bytes = s.bytes("data");
        s.give("value", groma::Value::copy(s.element_type(), s.shape(), bytes.data(), bytes.size()));
    };
    calls["groma_value_borrow_tensor"] = [](Step &s) {
        // The tensor of the case, which lives longer than its values.
        const auto &bytes = s.array(s.argument("data")).bytes;
        s.give("value", groma::Value::borrow(s.element_type(), s.shape(), bytes.data(), bytes.size()));
    };
    calls["groma_value_create_strings"] = [](Step &s) {
        std::vector<std::string> strings;
        for (const auto &item : s.argument("strings")) strings.push_back(s.text(item));
        const json &lengths = s.argument("lengths");
        std::vector<std::string_view> views(strings.begin(), strings.end());
        for (std::size_t i = 0; i < lengths.size() && i < views.size(); i++)
            views[i] = views[i].substr(0, static_cast<std::size_t>(s.number(lengths[i])));
        s.give("value", groma::Value::strings(views, s.shape()));
    };
    calls["groma_value_create_sequence"] = [](Step &s) { s.give("value", groma::Value::sequence(values(s, "items"))); };
    calls["groma_value_create_none"] = [](Step &s) { s.give("value", groma::Value::none()); };
    calls["groma_value_item"] = [](Step &s) { s.give("item", s.get<groma::Value>("value").item(s.index())); };
    calls["groma_value_to_dlpack"] = [](Step &s) { s.give("managed_tensor", Managed(s.get<groma::Value>("value").to_dlpack())); };
    calls["groma_value_from_dlpack"] = [](Step &s) {
        auto &managed = s.get<Managed>("managed_tensor");
        auto value = groma::Value::from_dlpack(managed.get());
        managed.release();
        s.give("value", std::move(value));
    };
    calls["groma_value_tensor"] = [](Step &s) { s.expect(s.get<groma::Value>("value").tensor()); };
    calls["groma_result_tensor"] = [](Step &s) { s.expect(s.get<groma::Result>("result").tensor(s.choice<groma::Output>("output"))); };
    calls["groma_features_tensor"] = [](Step &s) { s.expect(s.get<groma::Features>("features").tensor()); };
    calls["groma_result_value"] = [](Step &s) {
        give_value(s, "value", s.get<groma::Result>("result").value(s.choice<groma::Output>("output")));
    };
    calls["groma_result_confident"] = [](Step &s) {
        auto confident = s.get<groma::Result>("result").confident(static_cast<float>(s.number("min_confidence")));
        s.give("mask", std::move(confident.mask));
        s.give("rows", std::move(confident.rows));
    };
    calls["groma_features_value"] = [](Step &s) { give_value(s, "value", s.get<groma::Features>("features").value()); };
    calls["groma_cloud_value"] = [](Step &s) { give_value(s, "value", s.get<groma::Cloud>("cloud").value(s.text("column"))); };
    calls["groma_neighbors_value"] = [](Step &s) {
        give_value(s, "value", s.get<groma::Neighbors>("neighbors").value(s.choice<groma::Neighbors::Output>("output")));
    };
}

void add_points(Calls &calls) {
    calls["groma_classify_points"] = [](Step &s) {
        s.give("result", groma::classify(model(s), points(s), options<groma::ClassifyOptions>(s)));
    };
    calls["groma_classify_file"] = [](Step &s) {
        s.give("summary", groma::classify_file(model(s), s.text("input"), s.text("output"), options<groma::ClassifyOptions>(s)));
    };
    calls["groma_run_open"] = [](Step &s) {
        const std::string text = s.text("inputs");
        const std::vector<std::string> inputs = text.empty() ? std::vector<std::string>{} : std::vector<std::string>{text};
        s.give("run", groma::Run::open(model(s), inputs, s.text("output"), s.get<groma::ClassifyOptions>("classify"),
                                       options<groma::RunOptions>(s)));
    };
    calls["groma_run_describe"] = [](Step &s) { give_string(s, s.get<groma::Run>("run").describe()); };
    calls["groma_run_index"] = [](Step &s) {
        s.get<groma::Run>("run").index(static_cast<std::uint64_t>(s.number("tile")), options<groma::RunOptions>(s));
    };
    calls["groma_run_tile"] = [](Step &s) {
        const auto tile = static_cast<std::uint64_t>(s.number("tile"));
        s.give("summary", s.get<groma::Run>("run").tile(tile, options<groma::RunOptions>(s)));
    };
    calls["groma_run_finish"] = [](Step &s) { s.get<groma::Run>("run").finish(); };
    calls["groma_run_execute"] = [](Step &s) {
        s.give("summary", s.get<groma::Run>("run").execute(options<groma::RunOptions>(s)));
    };
    calls["groma_embed_points"] = [](Step &s) {
        give_value(s, "embeddings", groma::embed(model(s), points(s), s.text("tensor"), options<groma::ClassifyOptions>(s)));
    };
    calls["groma_features_compute"] = [](Step &s) {
        s.give("features", groma::compute_features(points(s), s.text("schema"), options<groma::FeaturesOptions>(s)));
    };
    calls["groma_features_file"] = [](Step &s) {
        s.give("summary", groma::features_file(s.text("schema"), s.text("input"), s.text("output"),
                                               options<groma::FeaturesFileOptions>(s)));
    };
    calls["groma_ground_points"] = [](Step &s) { s.give("ground", groma::find_ground(points(s), options<groma::GroundOptions>(s))); };
    calls["groma_ground_file"] = [](Step &s) {
        s.give("summary", groma::ground_file(s.text("input"), s.text("output"), options<groma::GroundOptions>(s)));
    };
    calls["groma_filter_points"] = [](Step &s) {
        s.give("filtered", groma::filter_points(points(s), s.choice<groma::Filter>("filter"), options<groma::FilterOptions>(s)));
    };
    calls["groma_filter_file"] = [](Step &s) {
        s.give("summary", groma::filter_file(s.text("input"), s.text("output"), s.choice<groma::Filter>("filter"),
                                             options<groma::FilterOptions>(s)));
    };
    calls["groma_las_read"] = [](Step &s) {
        std::optional<std::string> columns;
        if (!s.argument("columns").is_null()) columns = s.text("columns");
        s.give("cloud", groma::Cloud::read(s.text("path"), columns, options<groma::LasOptions>(s)));
    };
    calls["groma_las_write"] = [](Step &s) { groma::write_las(points(s), s.text("path"), options<groma::LasOptions>(s)); };
    calls["groma_cloud_points"] = [](Step &s) { s.give("points", s.get<groma::Cloud>("cloud").points()); };
    calls["groma_neighbors_nearest"] = [](Step &s) {
        s.give("neighbors", groma::Neighbors::nearest(points(s), static_cast<std::uint64_t>(s.number("k")),
                                                      options<groma::NeighborsOptions>(s)));
    };
    calls["groma_neighbors_within"] = [](Step &s) {
        s.give("neighbors", groma::Neighbors::within(points(s), s.number("radius_m"), options<groma::NeighborsOptions>(s)));
    };
}

} // namespace

void add_work(Calls &calls) {
    add_runtime(calls);
    add_models(calls);
    add_values(calls);
    add_points(calls);
}

} // namespace vectors
