// Which member of the native layer stands for which function of the C interface.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Groma;

internal static class VectorCalls
{
    /// <summary>By name: what to call, and what it answers.</summary>
    public static readonly Dictionary<string, Func<Step, object>> All = new Dictionary<string, Func<Step, object>>
    {
        // versions, status, errors, strings
        { "groma_abi_version", s => Library.AbiVersion },
        { "groma_version", s => Library.Version },
        { "groma_status_name", s => Library.StatusName(s.Int("status")) },
        { "groma_error_code", s => s.Get<GromaException>("error").Status },
        { "groma_error_message", s => s.Get<GromaException>("error").Message },
        { "groma_error_subject", s => s.Get<GromaException>("error").Subject },
        { "groma_error_destroy", s => s.Destroy("error") },
        { "groma_string_data", s => s.Get<string>("string") },
        { "groma_string_length", s => Encoding.UTF8.GetByteCount(s.Get<string>("string")) },
        { "groma_string_destroy", s => s.Destroy("string") },

        // runtime, devices, log
        { "groma_runtime_load", s => Done(() => OnnxRuntime.Load(s.Text("path"))) },
        { "groma_runtime_use", s => Done(() => OnnxRuntime.Use(ApiBase(s.Text("ort_api_base")))) },
        { "groma_runtime_is_loaded", s => OnnxRuntime.IsLoaded },
        { "groma_runtime_describe", s => s.Give("json", OnnxRuntime.Describe()) },
        { "groma_doctor_json", s => s.Give("json", Library.Doctor()) },
        { "groma_devices_list", s => s.Give("devices", new Devices()) },
        { "groma_devices_count", s => s.Get<Devices>("devices").Count },
        { "groma_devices_name", s => s.Get<Devices>("devices").Name(s.Long("index")) },
        { "groma_devices_description", s => s.Get<Devices>("devices").Description(s.Long("index")) },
        { "groma_devices_memory_total_bytes", s => s.Get<Devices>("devices").MemoryTotalBytes(s.Long("index")) },
        { "groma_devices_memory_free_bytes", s => s.Get<Devices>("devices").MemoryFreeBytes(s.Long("index")) },
        { "groma_devices_fits", s => s.Get<Devices>("devices").Fits(s.Long("index"), s.Long("bytes")) ? 1 : 0 },
        { "groma_devices_least_loaded", s => s.Get<Devices>("devices").LeastLoaded },
        { "groma_devices_json", s => s.Get<Devices>("devices").Json },
        { "groma_devices_destroy", s => s.Destroy("devices") },
        { "groma_log_set", SetLog },
        { "groma_cancel_create", s => s.Give("cancel", new Cancel()) },
        { "groma_cancel_trigger", s => Done(() => s.Get<Cancel>("cancel").Trigger()) },
        { "groma_cancel_is_triggered", s => s.Get<Cancel>("cancel").IsTriggered },
        { "groma_cancel_destroy", s => s.Destroy("cancel") },

        // options and points
        { "groma_classify_options_init", s => s.Init<ClassifyOptions>() },
        { "groma_features_options_init", s => s.Init<FeaturesOptions>() },
        { "groma_features_file_options_init", s => s.Init<FeaturesFileOptions>() },
        { "groma_ground_options_init", s => s.Init<GroundOptions>() },
        { "groma_filter_options_init", s => s.Init<FilterOptions>() },
        { "groma_neighbors_options_init", s => s.Init<NeighborsOptions>() },
        { "groma_las_options_init", s => s.Init<LasOptions>() },
        { "groma_model_options_init", s => s.Init<ModelOptions>() },
        { "groma_network_options_init", s => s.Init<NetworkOptions>() },
        { "groma_network_run_options_init", s => s.Init<NetworkRunOptions>() },
        { "groma_run_options_init", s => s.Init<RunOptions>() },
        { "groma_points_init", s => s.Points() },

        // models
        { "groma_model_open", s => s.Give("model", Model.Open(s.Text("path"))) },
        { "groma_model_open_with", s => s.Give("model", Model.Open(s.Text("path"), s.Get<ModelOptions>("options"))) },
        { "groma_model_open_memory", s => s.Give("model", Model.OpenMemory(s.Text("name"), s.Data("data"),
            s.Text("manifest_json"))) },
        { "groma_model_open_memory_with", s => s.Give("model", Model.OpenMemory(s.Text("name"), s.Data("data"),
            s.Get<ModelOptions>("options"))) },
        { "groma_model_open_default", s => s.Give("model", Model.OpenDefault()) },
        { "groma_model_open_default_with", s => s.Give("model", Model.OpenDefault(s.Get<ModelOptions>("options"))) },
        { "groma_model_open_ensemble", s => s.Give("model", Model.OpenEnsemble(s.GetAll<Model>("models"), Weights(s),
            (Combine)s.Int("combine"))) },
        { "groma_model_name", s => s.Get<Model>("model").Name },
        { "groma_model_class_count", s => s.Get<Model>("model").ClassCount },
        { "groma_model_class_name", s => s.Get<Model>("model").ClassName(s.Long("index")) },
        { "groma_model_manifest_json", s => s.Get<Model>("model").ManifestJson },
        { "groma_model_describe_json", s => s.Get<Model>("model").DescribeJson },
        { "groma_model_batches_json", s => s.Give("json", s.Get<Model>("model").BatchesJson()) },
        { "groma_model_metadata", s => s.Get<Model>("model").Metadata(s.Text("key")) },
        { "groma_model_destroy", s => s.Destroy("model") },
        { "groma_classify_file", s => s.Give("summary", s.Get<Model>("model").ClassifyFile(s.Text("input"), s.Text("output"),
            s.Get<ClassifyOptions>("options"))) },
        { "groma_classify_points", s => s.Give("result", s.Get<Model>("model").Classify(s.Get<Points>("points"),
            s.Get<ClassifyOptions>("options"))) },
        { "groma_embed_points", s => s.Give("embeddings", s.Get<Model>("model").Embed(s.Get<Points>("points"), s.Text("tensor"),
            s.Get<ClassifyOptions>("options"))) },

        // runs
        { "groma_run_open", s => s.Give("run", Groma.Run.Open(s.Get<Model>("model"), s.Text("inputs").Split('\n'), s.Text("output"),
            s.Get<ClassifyOptions>("classify"), s.Get<RunOptions>("options"))) },
        { "groma_run_tile_count", s => s.Get<Run>("run").TileCount },
        { "groma_run_describe", s => s.Give("json", s.Get<Run>("run").Describe()) },
        { "groma_run_index", s => Done(() => s.Get<Run>("run").Index(s.Long("tile"), s.Get<RunOptions>("options"))) },
        { "groma_run_tile", s => s.Give("summary", s.Get<Run>("run").Make(s.Long("tile"), s.Get<RunOptions>("options"))) },
        { "groma_run_finish", s => Done(() => s.Get<Run>("run").Finish()) },
        { "groma_run_execute", s => s.Give("summary", s.Get<Run>("run").Execute(s.Get<RunOptions>("options"))) },
        { "groma_run_destroy", s => s.Destroy("run") },

        // results and summaries
        { "groma_result_count", s => s.Get<Result>("result").Count },
        { "groma_result_class_count", s => s.Get<Result>("result").ClassCount },
        { "groma_result_classes", s => View(s.Get<Result>("result").Classes) },
        { "groma_result_asprs", s => View(s.Get<Result>("result").Asprs) },
        { "groma_result_confidence", s => View(s.Get<Result>("result").Confidence) },
        { "groma_result_entropy", s => View(s.Get<Result>("result").Entropy) },
        { "groma_result_probabilities", s => View(s.Get<Result>("result").Probabilities) },
        { "groma_result_tensor", s => Tensor.Of(s.Get<Result>("result").Tensor((Output)s.Int("output"))) },
        { "groma_result_value", s => s.Give("value", s.Get<Result>("result").Value((Output)s.Int("output"))) },
        { "groma_result_confident", Confident },
        { "groma_result_destroy", s => s.Destroy("result") },
        { "groma_summary_points", s => s.Get<Summary>("summary").Points },
        { "groma_summary_class_points", s => s.Get<Summary>("summary").ClassPoints((byte)s.Int("asprs")) },
        { "groma_summary_mean_confidence", s => s.Get<Summary>("summary").MeanConfidence },
        { "groma_summary_total_s", s => s.Get<Summary>("summary").TotalS },
        { "groma_summary_json", s => s.Get<Summary>("summary").Json },
        { "groma_summary_destroy", s => s.Destroy("summary") },

        // features
        { "groma_features_compute", s => s.Give("features", Features.Compute(s.Get<Points>("points"), s.Text("schema"),
            s.Get<FeaturesOptions>("options"))) },
        { "groma_features_file", s => s.Give("summary", Features.WriteFile(s.Text("schema"), s.Text("input"), s.Text("output"),
            s.Get<FeaturesFileOptions>("options"))) },
        { "groma_features_rows", s => s.Get<Features>("features").Rows },
        { "groma_features_columns", s => s.Get<Features>("features").Columns },
        { "groma_features_column_name", s => s.Get<Features>("features").ColumnName(s.Long("index")) },
        { "groma_features_values", s => View(s.Get<Features>("features").Values) },
        { "groma_features_tensor", s => Tensor.Of(s.Get<Features>("features").Tensor()) },
        { "groma_features_value", s => s.Give("value", s.Get<Features>("features").Value()) },
        { "groma_features_schema_hash", s => s.Get<Features>("features").SchemaHash },
        { "groma_features_schema_json", s => s.Get<Features>("features").SchemaJson },
        { "groma_features_destroy", s => s.Destroy("features") },
        { "groma_schema_describe", s => s.Give("json", Features.DescribeSchema(s.Text("schema"))) },

        // ground and filters
        { "groma_ground_file", s => s.Give("summary", Ground.OfFile(s.Text("input"), s.Text("output"),
            s.Get<GroundOptions>("options"))) },
        { "groma_ground_points", s => s.Give("ground", Ground.Of(s.Get<Points>("points"), s.Get<GroundOptions>("options"))) },
        { "groma_ground_count", s => s.Get<Ground>("ground").Count },
        { "groma_ground_found", s => s.Get<Ground>("ground").Found },
        { "groma_ground_outside_hull", s => s.Get<Ground>("ground").OutsideHull },
        { "groma_ground_classes", s => View(s.Get<Ground>("ground").Classes) },
        { "groma_ground_heights", s => View(s.Get<Ground>("ground").Heights) },
        { "groma_ground_destroy", s => s.Destroy("ground") },
        { "groma_filter_points", s => s.Give("filtered", Filtered.Of(s.Get<Points>("points"), (Filter)s.Int("filter"),
            s.Get<FilterOptions>("options"))) },
        { "groma_filter_file", s => s.Give("summary", Filtered.OfFile(s.Text("input"), s.Text("output"), (Filter)s.Int("filter"),
            s.Get<FilterOptions>("options"))) },
        { "groma_filtered_count", s => s.Get<Filtered>("filtered").Count },
        { "groma_filtered_rows", s => View(s.Get<Filtered>("filtered").Rows) },
        { "groma_filtered_mask", s => View(s.Get<Filtered>("filtered").Mask) },
        { "groma_filtered_positions", s => View(s.Get<Filtered>("filtered").Positions) },
        { "groma_filtered_threshold_m", s => s.Get<Filtered>("filtered").ThresholdM },
        { "groma_filtered_destroy", s => s.Destroy("filtered") },
        { "groma_filter_summary_points", s => s.Get<FilterSummary>("summary").Points },
        { "groma_filter_summary_written", s => s.Get<FilterSummary>("summary").Written },
        { "groma_filter_summary_marked", s => s.Get<FilterSummary>("summary").Marked },
        { "groma_filter_summary_json", s => s.Get<FilterSummary>("summary").Json },
        { "groma_filter_summary_destroy", s => s.Destroy("summary") },

        // LAS files and neighbours
        { "groma_las_describe", s => s.Give("json", Cloud.Describe(s.Text("path"))) },
        { "groma_las_read", s => s.Give("cloud", Cloud.Read(s.Text("path"), s.Text("columns"), s.Get<LasOptions>("options"))) },
        { "groma_las_write", s => Done(() => Cloud.Write(s.Get<Points>("points"), s.Text("path"),
            s.Get<LasOptions>("options"))) },
        { "groma_cloud_count", s => s.Get<Cloud>("cloud").Count },
        { "groma_cloud_column_count", s => s.Get<Cloud>("cloud").ColumnCount },
        { "groma_cloud_column_name", s => s.Get<Cloud>("cloud").ColumnName(s.Long("index")) },
        { "groma_cloud_linear_unit_m", s => s.Get<Cloud>("cloud").LinearUnitM },
        { "groma_cloud_crs_wkt", s => s.Get<Cloud>("cloud").CrsWkt },
        { "groma_cloud_points", s => s.Give("points", s.Get<Cloud>("cloud").Points()) },
        { "groma_cloud_value", s => s.Give("value", s.Get<Cloud>("cloud").Value(s.Text("column"))) },
        { "groma_cloud_destroy", s => s.Destroy("cloud") },
        { "groma_neighbors_nearest", s => s.Give("neighbors", Neighbors.Nearest(s.Get<Points>("points"), s.Long("k"),
            s.Get<NeighborsOptions>("options"))) },
        { "groma_neighbors_within", s => s.Give("neighbors", Neighbors.Within(s.Get<Points>("points"), s.Number("radius_m"),
            s.Get<NeighborsOptions>("options"))) },
        { "groma_neighbors_count", s => s.Get<Neighbors>("neighbors").Count },
        { "groma_neighbors_total", s => s.Get<Neighbors>("neighbors").Total },
        { "groma_neighbors_offsets", s => View(s.Get<Neighbors>("neighbors").Offsets) },
        { "groma_neighbors_indices", s => View(s.Get<Neighbors>("neighbors").Indices) },
        { "groma_neighbors_distances", s => View(s.Get<Neighbors>("neighbors").Distances) },
        { "groma_neighbors_value", s => s.Give("value", s.Get<Neighbors>("neighbors").Value((NeighborsOutput)s.Int("output"))) },
        { "groma_neighbors_destroy", s => s.Destroy("neighbors") },

        // values
        { "groma_value_copy_tensor", s => s.Give("value", Value.Of(s.Data("data") ?? new byte[0],
            (ElementType)s.Int("element_type"), Shape(s))) },
        { "groma_value_borrow_tensor", Borrow },
        { "groma_value_create_strings", s => s.Give("value", Value.OfStrings(s.Texts("strings"),
            s.Longs("shape") ?? new long[0])) },
        { "groma_value_create_sequence", s => s.Give("value", Value.Sequence(s.GetAll<Value>("items"))) },
        { "groma_value_create_none", s => s.Give("value", Value.None()) },
        { "groma_value_from_dlpack", s => FromDlPack(s) },
        { "groma_value_to_dlpack", s => s.Give("managed_tensor", (object)s.Get<Value>("value").ToDlPack()) },
        { "groma_value_kind", s => s.Get<Value>("value").Kind },
        { "groma_value_element_type", s => s.Get<Value>("value").ElementType },
        { "groma_value_ndim", s => s.Get<Value>("value").Shape.Length },
        { "groma_value_shape", s => s.Get<Value>("value").Shape },
        { "groma_value_data", s => s.Get<Value>("value").DataPointer == IntPtr.Zero ? null : Raw(s.Get<Value>("value")) },
        { "groma_value_size_bytes", s => s.Get<Value>("value").SizeBytes },
        { "groma_value_count", s => s.Get<Value>("value").Count },
        { "groma_value_string", s => s.Get<Value>("value").String(s.Long("index")) },
        { "groma_value_item", s => s.Give("item", s.Get<Value>("value").Item(s.Long("index"))) },
        { "groma_value_tensor", s => Tensor.Of(s.Get<Value>("value").Tensor()) },
        { "groma_value_destroy", s => s.Destroy("value") },

        // networks
        { "groma_network_open", s => s.Give("network", Network.Open(s.Text("path"), s.Get<NetworkOptions>("options"))) },
        { "groma_network_open_memory", s => s.Give("network", Network.OpenMemory(s.Text("name"), s.Data("data"),
            s.Get<NetworkOptions>("options"))) },
        { "groma_network_name", s => s.Get<Network>("network").Name },
        { "groma_network_input_count", s => s.Get<Network>("network").InputCount },
        { "groma_network_input_name", s => s.Get<Network>("network").InputName(s.Long("index")) },
        { "groma_network_output_count", s => s.Get<Network>("network").OutputCount },
        { "groma_network_output_name", s => s.Get<Network>("network").OutputName(s.Long("index")) },
        { "groma_network_metadata", s => s.Get<Network>("network").Metadata(s.Text("key")) },
        { "groma_network_describe_json", s => s.Get<Network>("network").DescribeJson },
        { "groma_network_run", Run },
        { "groma_network_destroy", s => s.Destroy("network") },

        // checkpoints
        { "groma_checkpoint_create", s => s.Give("checkpoint", new Checkpoint(s.Text("metadata_json"))) },
        { "groma_checkpoint_open", s => s.Give("checkpoint", Checkpoint.Open(s.Text("path"))) },
        { "groma_checkpoint_add", s => Done(() => s.Get<Checkpoint>("checkpoint").Add((Section)s.Int("section"), s.Text("name"),
            s.Get<Value>("value"))) },
        { "groma_checkpoint_save", s => Done(() => s.Get<Checkpoint>("checkpoint").Save(s.Text("path"),
            s.Int("overwrite") != 0)) },
        { "groma_checkpoint_count", s => s.Get<Checkpoint>("checkpoint").Count((Section)s.Int("section")) },
        { "groma_checkpoint_name", s => s.Get<Checkpoint>("checkpoint").Name((Section)s.Int("section"), s.Long("index")) },
        { "groma_checkpoint_value", s => s.Give("value", s.Get<Checkpoint>("checkpoint").Value((Section)s.Int("section"),
            s.Text("name"))) },
        { "groma_checkpoint_metadata_json", s => s.Get<Checkpoint>("checkpoint").MetadataJson },
        { "groma_checkpoint_destroy", s => s.Destroy("checkpoint") },
    };

    private static object Done(Action action)
    {
        action();
        return null;
    }

    private static Tensor View<T>(NativeArray<T> array) where T : struct { return array == null ? null : Tensor.Of(array); }

    private static double[] Weights(Step s)
    {
        if (!s.Has("weights")) return null;
        return s.Token("weights").Type == Newtonsoft.Json.Linq.JTokenType.String
            ? (double[])s.Tensor("weights").ToArray()
            : s.Token("weights").Select(weight => (double)weight).ToArray();
    }

    private static long[] Shape(Step s) { return s.Longs("shape") ?? (s.Has("data") ? s.Tensor("data").Shape : new long[0]); }

    private static Tensor Raw(Value value) { return new Tensor { Type = "U8", Bytes = value.ToArray<byte>() }; }

    private static object Confident(Step s)
    {
        Confident found = s.Get<Result>("result").Confident((float)s.Number("min_confidence"));
        s.Give("mask", found.Mask);
        return s.Give("rows", found.Rows);
    }

    // The bytes live as long as the process: a case cannot say when the last value of them dies.
    private static object Borrow(Step s)
    {
        byte[] data = s.Data("data") ?? new byte[0];
        IntPtr memory = Marshal.AllocHGlobal(Math.Max(1, data.Length));
        Marshal.Copy(data, 0, memory, data.Length);
        return s.Give("value", Value.AtPointer((ElementType)s.Int("element_type"), Shape(s), memory, data.Length));
    }

    private static object FromDlPack(Step s)
    {
        Value value = Value.FromDlPack(s.Has("managed_tensor") ? (IntPtr)s.Find(s.Text("managed_tensor")) : IntPtr.Zero);
        s.Case.Given.Remove(s.Text("managed_tensor").TrimStart('$')); // taken over
        return s.Give("value", value);
    }

    private static object Run(Step s)
    {
        var network = s.Get<Network>("network");
        using (Outputs outputs = network.Run(s.Texts("input_names") ?? new string[0], s.GetAll<Value>("inputs"),
            s.Texts("output_names"), s.Get<NetworkRunOptions>("options")))
            return s.Give("outputs", Value.Sequence(outputs.Values.ToArray()));
    }

    private static object SetLog(Step s)
    {
        LogLevel level = (LogLevel)s.Int("level");
        if (!s.Has("callback")) return Done(() => Log.Set(null, level));
        var messages = s.Case.Messages;
        return Done(() => Log.Set((grave, target, message) => { lock (messages) messages.Add(message); }, level));
    }

    [DllImport("libdl.so.2", EntryPoint = "dlopen")]
    private static extern IntPtr Open(byte[] path, int flags);

    [DllImport("libdl.so.2", EntryPoint = "dlsym")]
    private static extern IntPtr Symbol(IntPtr library, byte[] name);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate IntPtr GetApiBase();

    private static IntPtr ApiBase(string path)
    {
        if (path == null) return IntPtr.Zero;
        IntPtr library = Open(Encoding.UTF8.GetBytes(path + "\0"), 2);
        IntPtr function = library == IntPtr.Zero ? IntPtr.Zero : Symbol(library, Encoding.UTF8.GetBytes("OrtGetApiBase\0"));
        if (function == IntPtr.Zero) throw new Failed("cannot load " + path);
        return ((GetApiBase)Marshal.GetDelegateForFunctionPointer(function, typeof(GetApiBase)))();
    }
}
