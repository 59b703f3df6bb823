// Which method of the native layer stands for which function of the C interface.
package org.groma;

import com.google.gson.JsonArray;
import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

final class VectorCalls {
    /** What a function's name stands for. */
    interface Stands {
        Object call(VectorStep step);
    }

    /** By name: what to call, and what it answers. */
    static final Map<String, Stands> ALL = new HashMap<>();

    // Memory that borrowed values look at: a case cannot say when the last of them dies.
    private static final List<Memory> BORROWED = new ArrayList<>();

    private VectorCalls() {}

    static {
        versions();
        installation();
        options();
        models();
        results();
        features();
        filters();
        clouds();
        values();
        networks();
        checkpoints();
        runs();
    }

    private static void runs() {
        all("groma_run_open", s -> s.give("run", Run.open(s.get(Model.class, "model"), List.of(s.text("inputs").split("\n")),
                s.text("output"), s.get(ClassifyOptions.class, "classify"), s.get(RunOptions.class, "options"))));
        all("groma_run_tile_count", s -> s.get(Run.class, "run").tileCount());
        all("groma_run_describe", s -> s.give("json", s.get(Run.class, "run").describe()));
        all("groma_run_index", s -> done(() -> s.get(Run.class, "run").index(s.whole("tile"),
                s.get(RunOptions.class, "options"))));
        all("groma_run_tile", s -> s.give("summary", s.get(Run.class, "run").make(s.whole("tile"),
                s.get(RunOptions.class, "options"))));
        all("groma_run_finish", s -> done(() -> s.get(Run.class, "run").finish()));
        all("groma_run_execute", s -> s.give("summary", s.get(Run.class, "run").execute(s.get(RunOptions.class, "options"))));
        all("groma_run_destroy", s -> s.destroy("run"));
    }

    private static void versions() {
        all("groma_abi_version", s -> Groma.abiVersion());
        all("groma_version", s -> Groma.version());
        all("groma_status_name", s -> Groma.statusName((int) s.whole("status")));
        all("groma_error_code", s -> s.get(GromaException.class, "error").status());
        all("groma_error_message", s -> s.get(GromaException.class, "error").getMessage());
        all("groma_error_subject", s -> s.get(GromaException.class, "error").subject());
        all("groma_error_destroy", s -> s.destroy("error"));
        all("groma_string_data", s -> s.get(String.class, "string"));
        all("groma_string_length", s -> s.get(String.class, "string").getBytes(StandardCharsets.UTF_8).length);
        all("groma_string_destroy", s -> s.destroy("string"));
    }

    private static void installation() {
        all("groma_runtime_load", s -> done(() -> OnnxRuntime.load(s.text("path"))));
        all("groma_runtime_use", s -> done(() -> OnnxRuntime.use(apiBase(s.text("ort_api_base")))));
        all("groma_runtime_is_loaded", s -> OnnxRuntime.isLoaded());
        all("groma_runtime_describe", s -> s.give("json", OnnxRuntime.describe()));
        all("groma_doctor_json", s -> s.give("json", Groma.doctor()));
        all("groma_devices_list", s -> s.give("devices", new Devices()));
        all("groma_devices_count", s -> s.get(Devices.class, "devices").count());
        all("groma_devices_name", s -> s.get(Devices.class, "devices").name(s.whole("index")));
        all("groma_devices_description", s -> s.get(Devices.class, "devices").description(s.whole("index")));
        all("groma_devices_memory_total_bytes", s -> s.get(Devices.class, "devices").memoryTotalBytes(s.whole("index")));
        all("groma_devices_memory_free_bytes", s -> s.get(Devices.class, "devices").memoryFreeBytes(s.whole("index")));
        all("groma_devices_fits", s -> s.get(Devices.class, "devices").fits(s.whole("index"), s.whole("bytes")) ? 1 : 0);
        all("groma_devices_least_loaded", s -> s.get(Devices.class, "devices").leastLoaded());
        all("groma_devices_json", s -> s.get(Devices.class, "devices").json());
        all("groma_devices_destroy", s -> s.destroy("devices"));
        all("groma_log_set", VectorCalls::setLog);
        all("groma_cancel_create", s -> s.give("cancel", new Cancel()));
        all("groma_cancel_trigger", s -> done(() -> s.get(Cancel.class, "cancel").trigger()));
        all("groma_cancel_is_triggered", s -> s.get(Cancel.class, "cancel").isTriggered());
        all("groma_cancel_destroy", s -> s.destroy("cancel"));
    }

    private static void options() {
        all("groma_classify_options_init", s -> s.init(ClassifyOptions::new));
        all("groma_features_options_init", s -> s.init(FeaturesOptions::new));
        all("groma_features_file_options_init", s -> s.init(FeaturesFileOptions::new));
        all("groma_ground_options_init", s -> s.init(GroundOptions::new));
        all("groma_filter_options_init", s -> s.init(FilterOptions::new));
        all("groma_neighbors_options_init", s -> s.init(NeighborsOptions::new));
        all("groma_las_options_init", s -> s.init(LasOptions::new));
        all("groma_model_options_init", s -> s.init(ModelOptions::new));
        all("groma_network_options_init", s -> s.init(NetworkOptions::new));
        all("groma_network_run_options_init", s -> s.init(NetworkRunOptions::new));
        all("groma_run_options_init", s -> s.init(RunOptions::new));
        all("groma_points_init", s -> s.points());
    }

    private static void models() {
        all("groma_model_open", s -> s.give("model", Model.open(s.text("path"))));
        all("groma_model_open_with", s -> s.give("model", Model.open(s.text("path"), s.get(ModelOptions.class, "options"))));
        all("groma_model_open_memory", s -> s.give("model", Model.openMemory(s.text("name"), s.data("data"),
                s.text("manifest_json"))));
        all("groma_model_open_memory_with", s -> s.give("model", Model.openMemory(s.text("name"), s.data("data"),
                s.get(ModelOptions.class, "options"))));
        all("groma_model_open_default", s -> s.give("model", Model.openDefault()));
        all("groma_model_open_default_with", s -> s.give("model", Model.openDefault(s.get(ModelOptions.class, "options"))));
        all("groma_model_open_ensemble", s -> s.give("model", Model.openEnsemble(s.getAll(Model.class, "models"), weights(s),
                s.choice(Combine.class, "combine"))));
        all("groma_model_name", s -> s.get(Model.class, "model").name());
        all("groma_model_class_count", s -> s.get(Model.class, "model").classCount());
        all("groma_model_class_name", s -> s.get(Model.class, "model").className(s.whole("index")));
        all("groma_model_manifest_json", s -> s.get(Model.class, "model").manifestJson());
        all("groma_model_describe_json", s -> s.get(Model.class, "model").describeJson());
        all("groma_model_batches_json", s -> s.give("json", s.get(Model.class, "model").batchesJson()));
        all("groma_model_metadata", s -> s.get(Model.class, "model").metadata(s.text("key")));
        all("groma_model_destroy", s -> s.destroy("model"));
        all("groma_classify_file", s -> s.give("summary", s.get(Model.class, "model").classifyFile(s.text("input"),
                s.text("output"), s.get(ClassifyOptions.class, "options"))));
        all("groma_classify_points", s -> s.give("result", s.get(Model.class, "model").classify(s.get(Points.class, "points"),
                s.get(ClassifyOptions.class, "options"))));
        all("groma_embed_points", s -> s.give("embeddings", s.get(Model.class, "model").embed(s.get(Points.class, "points"),
                s.text("tensor"), s.get(ClassifyOptions.class, "options"))));
    }

    private static void results() {
        all("groma_result_count", s -> s.get(Result.class, "result").count());
        all("groma_result_class_count", s -> s.get(Result.class, "result").classCount());
        all("groma_result_classes", s -> Tensor.of(s.get(Result.class, "result").classes()));
        all("groma_result_asprs", s -> Tensor.of(s.get(Result.class, "result").asprs()));
        all("groma_result_confidence", s -> Tensor.of(s.get(Result.class, "result").confidence()));
        all("groma_result_entropy", s -> Tensor.of(s.get(Result.class, "result").entropy()));
        all("groma_result_probabilities", s -> Tensor.of(s.get(Result.class, "result").probabilities()));
        all("groma_result_tensor", s -> Tensor.of(s.get(Result.class, "result").tensor(s.choice(Output.class, "output"))));
        all("groma_result_value", s -> s.give("value", s.get(Result.class, "result").value(s.choice(Output.class, "output"))));
        all("groma_result_confident", VectorCalls::confident);
        all("groma_result_destroy", s -> s.destroy("result"));
        all("groma_summary_points", s -> s.get(Summary.class, "summary").points());
        all("groma_summary_class_points", s -> s.get(Summary.class, "summary").classPoints((int) s.whole("asprs")));
        all("groma_summary_mean_confidence", s -> s.get(Summary.class, "summary").meanConfidence());
        all("groma_summary_total_s", s -> s.get(Summary.class, "summary").totalS());
        all("groma_summary_json", s -> s.get(Summary.class, "summary").json());
        all("groma_summary_destroy", s -> s.destroy("summary"));
    }

    private static void features() {
        all("groma_features_compute", s -> s.give("features", Features.compute(s.get(Points.class, "points"), s.text("schema"),
                s.get(FeaturesOptions.class, "options"))));
        all("groma_features_file", s -> s.give("summary", Features.writeFile(s.text("schema"), s.text("input"), s.text("output"),
                s.get(FeaturesFileOptions.class, "options"))));
        all("groma_features_rows", s -> s.get(Features.class, "features").rows());
        all("groma_features_columns", s -> s.get(Features.class, "features").columns());
        all("groma_features_column_name", s -> s.get(Features.class, "features").columnName(s.whole("index")));
        all("groma_features_values", s -> Tensor.of(s.get(Features.class, "features").values()));
        all("groma_features_tensor", s -> Tensor.of(s.get(Features.class, "features").tensor()));
        all("groma_features_value", s -> s.give("value", s.get(Features.class, "features").value()));
        all("groma_features_schema_hash", s -> s.get(Features.class, "features").schemaHash());
        all("groma_features_schema_json", s -> s.get(Features.class, "features").schemaJson());
        all("groma_features_destroy", s -> s.destroy("features"));
        all("groma_schema_describe", s -> s.give("json", Features.describeSchema(s.text("schema"))));
    }

    private static void filters() {
        all("groma_ground_file", s -> s.give("summary", Ground.ofFile(s.text("input"), s.text("output"),
                s.get(GroundOptions.class, "options"))));
        all("groma_ground_points", s -> s.give("ground", Ground.of(s.get(Points.class, "points"), s.get(GroundOptions.class,
                "options"))));
        all("groma_ground_count", s -> s.get(Ground.class, "ground").count());
        all("groma_ground_found", s -> s.get(Ground.class, "ground").found());
        all("groma_ground_outside_hull", s -> s.get(Ground.class, "ground").outsideHull());
        all("groma_ground_classes", s -> Tensor.of(s.get(Ground.class, "ground").classes()));
        all("groma_ground_heights", s -> Tensor.of(s.get(Ground.class, "ground").heights()));
        all("groma_ground_destroy", s -> s.destroy("ground"));
        all("groma_filter_points", s -> s.give("filtered", Filtered.of(s.get(Points.class, "points"), s.choice(Filter.class,
                "filter"), s.get(FilterOptions.class, "options"))));
        all("groma_filter_file", s -> s.give("summary", Filtered.ofFile(s.text("input"), s.text("output"), s.choice(Filter.class,
                "filter"), s.get(FilterOptions.class, "options"))));
        all("groma_filtered_count", s -> s.get(Filtered.class, "filtered").count());
        all("groma_filtered_rows", s -> Tensor.of(s.get(Filtered.class, "filtered").rows()));
        all("groma_filtered_mask", s -> Tensor.of(s.get(Filtered.class, "filtered").mask()));
        all("groma_filtered_positions", s -> Tensor.of(s.get(Filtered.class, "filtered").positions()));
        all("groma_filtered_threshold_m", s -> s.get(Filtered.class, "filtered").thresholdM());
        all("groma_filtered_destroy", s -> s.destroy("filtered"));
        all("groma_filter_summary_points", s -> s.get(FilterSummary.class, "summary").points());
        all("groma_filter_summary_written", s -> s.get(FilterSummary.class, "summary").written());
        all("groma_filter_summary_marked", s -> s.get(FilterSummary.class, "summary").marked());
        all("groma_filter_summary_json", s -> s.get(FilterSummary.class, "summary").json());
        all("groma_filter_summary_destroy", s -> s.destroy("summary"));
    }

    private static void clouds() {
        all("groma_las_describe", s -> s.give("json", Cloud.describe(s.text("path"))));
        all("groma_las_read", s -> s.give("cloud", Cloud.read(s.text("path"), s.text("columns"), s.get(LasOptions.class,
                "options"))));
        all("groma_las_write", s -> done(() -> Cloud.write(s.get(Points.class, "points"), s.text("path"), s.get(LasOptions.class,
                "options"))));
        all("groma_cloud_count", s -> s.get(Cloud.class, "cloud").count());
        all("groma_cloud_column_count", s -> s.get(Cloud.class, "cloud").columnCount());
        all("groma_cloud_column_name", s -> s.get(Cloud.class, "cloud").columnName(s.whole("index")));
        all("groma_cloud_linear_unit_m", s -> s.get(Cloud.class, "cloud").linearUnitM());
        all("groma_cloud_crs_wkt", s -> s.get(Cloud.class, "cloud").crsWkt());
        all("groma_cloud_points", s -> s.give("points", s.get(Cloud.class, "cloud").points()));
        all("groma_cloud_value", s -> s.give("value", s.get(Cloud.class, "cloud").value(s.text("column"))));
        all("groma_cloud_destroy", s -> s.destroy("cloud"));
        all("groma_neighbors_nearest", s -> s.give("neighbors", Neighbors.nearest(s.get(Points.class, "points"), s.whole("k"),
                s.get(NeighborsOptions.class, "options"))));
        all("groma_neighbors_within", s -> s.give("neighbors", Neighbors.within(s.get(Points.class, "points"),
                s.number("radius_m"), s.get(NeighborsOptions.class, "options"))));
        all("groma_neighbors_count", s -> s.get(Neighbors.class, "neighbors").count());
        all("groma_neighbors_total", s -> s.get(Neighbors.class, "neighbors").total());
        all("groma_neighbors_offsets", s -> Tensor.of(s.get(Neighbors.class, "neighbors").offsets()));
        all("groma_neighbors_indices", s -> Tensor.of(s.get(Neighbors.class, "neighbors").indices()));
        all("groma_neighbors_distances", s -> Tensor.of(s.get(Neighbors.class, "neighbors").distances()));
        all("groma_neighbors_value", s -> s.give("value", s.get(Neighbors.class,
                "neighbors").value(s.choice(NeighborsOutput.class, "output"))));
        all("groma_neighbors_destroy", s -> s.destroy("neighbors"));
    }

    private static void values() {
        all("groma_value_copy_tensor", s -> s.give("value", Value.of(s.choice(ElementType.class, "element_type"), s.data("data"),
                shape(s))));
        all("groma_value_borrow_tensor", VectorCalls::borrow);
        all("groma_value_create_strings", s -> s.give("value", Value.ofStrings(s.texts("strings"), s.has("shape")
                ? s.wholes("shape") : new long[0])));
        all("groma_value_create_sequence", s -> s.give("value", Value.sequence(s.getAll(Value.class, "items"))));
        all("groma_value_create_none", s -> s.give("value", Value.none()));
        all("groma_value_from_dlpack", s -> fromDlPack(s));
        all("groma_value_to_dlpack", s -> s.give("managed_tensor", s.get(Value.class, "value").toDlPack()));
        all("groma_value_kind", s -> s.get(Value.class, "value").kind());
        all("groma_value_element_type", s -> s.get(Value.class, "value").elementType());
        all("groma_value_ndim", s -> s.get(Value.class, "value").shape().length);
        all("groma_value_shape", s -> s.get(Value.class, "value").shape());
        all("groma_value_data", s -> s.get(Value.class, "value").data() == null ? null : raw(s.get(Value.class, "value")));
        all("groma_value_size_bytes", s -> s.get(Value.class, "value").sizeBytes());
        all("groma_value_count", s -> s.get(Value.class, "value").count());
        all("groma_value_string", s -> s.get(Value.class, "value").string(s.whole("index")));
        all("groma_value_item", s -> s.give("item", s.get(Value.class, "value").item(s.whole("index"))));
        all("groma_value_tensor", s -> Tensor.of(s.get(Value.class, "value").tensor()));
        all("groma_value_destroy", s -> s.destroy("value"));
    }

    private static void networks() {
        all("groma_network_open", s -> s.give("network", Network.open(s.text("path"), s.get(NetworkOptions.class, "options"))));
        all("groma_network_open_memory", s -> s.give("network", Network.openMemory(s.text("name"), s.data("data"),
                s.get(NetworkOptions.class, "options"))));
        all("groma_network_name", s -> s.get(Network.class, "network").name());
        all("groma_network_input_count", s -> s.get(Network.class, "network").inputCount());
        all("groma_network_input_name", s -> s.get(Network.class, "network").inputName(s.whole("index")));
        all("groma_network_output_count", s -> s.get(Network.class, "network").outputCount());
        all("groma_network_output_name", s -> s.get(Network.class, "network").outputName(s.whole("index")));
        all("groma_network_metadata", s -> s.get(Network.class, "network").metadata(s.text("key")));
        all("groma_network_describe_json", s -> s.get(Network.class, "network").describeJson());
        all("groma_network_run", VectorCalls::run);
        all("groma_network_destroy", s -> s.destroy("network"));
    }

    private static void checkpoints() {
        all("groma_checkpoint_create", s -> s.give("checkpoint", Checkpoint.create(s.text("metadata_json"))));
        all("groma_checkpoint_open", s -> s.give("checkpoint", Checkpoint.open(s.text("path"))));
        all("groma_checkpoint_add", s -> done(() -> s.get(Checkpoint.class, "checkpoint").add(s.choice(Section.class, "section"),
                s.text("name"), s.get(Value.class, "value"))));
        all("groma_checkpoint_save", s -> done(() -> s.get(Checkpoint.class, "checkpoint").save(s.text("path"),
                s.whole("overwrite") != 0)));
        all("groma_checkpoint_count", s -> s.get(Checkpoint.class, "checkpoint").count(s.choice(Section.class, "section")));
        all("groma_checkpoint_name", s -> s.get(Checkpoint.class, "checkpoint").name(s.choice(Section.class, "section"),
                s.whole("index")));
        all("groma_checkpoint_value", s -> s.give("value", s.get(Checkpoint.class, "checkpoint").value(s.choice(Section.class,
                "section"), s.text("name"))));
        all("groma_checkpoint_metadata_json", s -> s.get(Checkpoint.class, "checkpoint").metadataJson());
        all("groma_checkpoint_destroy", s -> s.destroy("checkpoint"));
    }

    private static void all(String name, Stands stands) {
        ALL.put(name, stands);
    }

    private static Object done(Runnable action) {
        action.run();
        return null;
    }

    private static double[] weights(VectorStep s) {
        if (!s.has("weights")) return null;
        if (!s.token("weights").isJsonArray()) return s.tensor(s.token("weights")).doubles();
        JsonArray items = s.token("weights").getAsJsonArray();
        double[] weights = new double[items.size()];
        for (int i = 0; i < weights.length; i++) weights[i] = items.get(i).getAsDouble();
        return weights;
    }

    private static long[] shape(VectorStep s) {
        if (s.has("shape")) return s.wholes("shape");
        return s.has("data") ? s.tensor(s.token("data")).shape : new long[0];
    }

    private static Tensor raw(Value value) {
        return new Tensor("U8", null, Tensor.of(value).bytes);
    }

    private static Object confident(VectorStep s) {
        Result.Confident found = s.get(Result.class, "result").confident((float) s.number("min_confidence"));
        s.give("mask", found.mask());
        return s.give("rows", found.rows());
    }

    private static Object borrow(VectorStep s) {
        byte[] data = s.data("data");
        Memory memory = new Memory(Math.max(1, data.length));
        memory.write(0, data, 0, data.length);
        BORROWED.add(memory);
        return s.give("value", Value.atPointer(s.choice(ElementType.class, "element_type"), shape(s), memory, data.length));
    }

    private static Object fromDlPack(VectorStep s) {
        Value value = Value.fromDlPack(s.get(Pointer.class, "managed_tensor"));
        s.of.given.remove(s.text("managed_tensor").substring(1)); // taken over
        return s.give("value", value);
    }

    private static Object run(VectorStep s) {
        List<String> names = s.has("input_names") ? s.texts("input_names") : List.of();
        Network network = s.get(Network.class, "network");
        try (Outputs outputs = network.run(names, s.getAll(Value.class, "inputs"), s.texts("output_names"),
                s.get(NetworkRunOptions.class, "options"))) {
            return s.give("outputs", Value.sequence(new ArrayList<>(outputs.values())));
        }
    }

    private static Object setLog(VectorStep s) {
        List<String> messages = s.of.messages;
        Log.Listener listener = s.has("callback") ? (grave, target, message) -> messages.add(message) : null;
        LogLevel level = listener == null ? LogLevel.ERROR : s.choice(LogLevel.class, "level"); // silence needs none
        return done(() -> Log.set(listener, level));
    }

    private static Pointer apiBase(String path) {
        if (path == null) return null;
        Function get = NativeLibrary.getInstance(path).getFunction("OrtGetApiBase");
        return get.invokePointer(new Object[0]);
    }
}
