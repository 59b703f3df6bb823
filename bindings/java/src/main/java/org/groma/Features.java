// Features: the numbers that models read.
package org.groma;

import com.sun.jna.Pointer;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/** A matrix of features, one row a point. */
public final class Features extends NativeObject {
    private Features(Resource resource) {
        super(resource);
        resource.weigh(4 * rows() * columns());
    }

    /**
     * Computes features of points in memory.
     *
     * @param points the points, with the attributes that the features need
     * @param schema names of columns and sets separated by commas ({@code lod2}), or a JSON object
     * @param options null for the defaults
     */
    public static Features compute(Points points, String schema, FeaturesOptions options) {
        return Call.run(call -> computation(call, points, schema, options, null));
    }

    /** {@link #compute(Points, String, FeaturesOptions)} with the defaults. */
    public static Features compute(Points points, String schema) {
        return Call.run(call -> computation(call, points, schema, null, null));
    }

    private static Supplier<Features> computation(Call call, Points points, String schema, FeaturesOptions options,
            Cancel cancel) {
        Pointer of = points.write(call);
        Pointer what = call.text(schema);
        Pointer with = FeaturesOptions.write(options, call, cancel);
        return () -> new Features(call.make(Low::groma_features_destroy, (features, error) ->
                Low.groma_features_compute(of, what, with, features, error)));
    }

    /**
     * Computes features of a LAS, LAZ or COPC file and writes them to another, which appears whole or not at all.
     *
     * @param schema what to compute
     * @param input the file to read
     * @param output {@code .laz} or {@code .las} for the same points with one dimension a column, {@code .safetensors} or
     *     {@code .npy} for a matrix
     * @param options null for the defaults
     */
    public static Summary writeFile(String schema, String input, String output, FeaturesFileOptions options) {
        return Call.run(call -> fileComputation(call, schema, input, output, options, null));
    }

    private static Supplier<Summary> fileComputation(Call call, String schema, String input, String output,
            FeaturesFileOptions options, Cancel cancel) {
        Pointer what = call.text(schema);
        Pointer from = call.text(input);
        Pointer to = call.text(output);
        Pointer with = FeaturesFileOptions.write(options, call, cancel);
        return () -> new Summary(call.make(Low::groma_summary_destroy, (summary, error) ->
                Low.groma_features_file(what, from, to, with, summary, error)));
    }

    /** Columns of a schema with their definitions, its hash, what it needs and how far it sees, as a JSON object. */
    public static String describeSchema(String schema) {
        try (Call call = new Call()) {
            Pointer what = call.text(schema);
            return call.string((json, error) -> Low.groma_schema_describe(what, json, error));
        }
    }

    /** Number of rows: points. */
    public long rows() {
        return number(Low::groma_features_rows);
    }

    /** Number of columns. */
    public long columns() {
        return number(Low::groma_features_columns);
    }

    /** Name of a column; null if there is no such one. */
    public String columnName(long index) {
        return text(h -> Low.groma_features_column_name(h, index));
    }

    /** Names of the columns. */
    public List<String> columnNames() {
        return List.of(texts(columns(), this::columnName));
    }

    /** The values {@code [rows, columns]}, column {@code c} of point {@code i} at {@code i * columns + c}. */
    public FloatBuffer values() {
        return view(Low::groma_features_values, 0, 4 * rows() * columns()).asFloatBuffer();
    }

    /** The values as a value, which outlives this object, without a copy: F32 {@code [rows, columns]}. */
    public Value value() {
        try (Call call = new Call()) {
            Pointer features = call.use(this);
            return new Value(call.make(Low::groma_value_destroy, (value, error) -> Low.groma_features_value(features, value,
                    error)));
        }
    }

    /** The values as a DLPack view, valid until this object is closed. */
    public Low.groma_tensor_t tensor() {
        try (Call call = new Call()) {
            Pointer features = call.use(this);
            Low.groma_tensor_t tensor = new Low.groma_tensor_t();
            call.act(error -> Low.groma_features_tensor(features, tensor.getPointer(), error));
            tensor.read();
            return tensor;
        }
    }

    /** SHA-256 of the schema in hexadecimal: equal hashes mean equal columns. */
    public String schemaHash() {
        return text(Low::groma_features_schema_hash);
    }

    /** The schema as a JSON object, which {@link #compute} takes again. */
    public String schemaJson() {
        return text(Low::groma_features_schema_json);
    }

    /** {@link #compute} on a thread of its own; cancelling the future stops it. */
    public static CompletableFuture<Features> computeAsync(Points points, String schema, FeaturesOptions options) {
        return Async.run((call, cancel) -> computation(call, points, schema, options, cancel));
    }

    /** {@link #writeFile} on a thread of its own; cancelling the future stops it. */
    public static CompletableFuture<Summary> writeFileAsync(String schema, String input, String output,
            FeaturesFileOptions options) {
        return Async.run((call, cancel) -> fileComputation(call, schema, input, output, options, cancel));
    }
}
