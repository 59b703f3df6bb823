// Models: what turns points into classes.
package org.groma;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/** An opened model with its manifest, or an ensemble of models. Any number of threads may use one at the same time. */
public final class Model extends NativeObject {
    private Model(Resource resource) {
        super(resource);
    }

    /** Opens an ONNX file. Its manifest is in its metadata, or in {@code NAME.groma.json} beside it. */
    public static Model open(String path) {
        try (Call call = new Call()) {
            Pointer file = call.text(path);
            return new Model(call.make(Low::groma_model_destroy, (model, error) -> Low.groma_model_open(file, model, error)));
        }
    }

    /** Opens an ONNX file with options; null for the defaults. */
    public static Model open(String path, ModelOptions options) {
        try (Call call = new Call()) {
            Pointer file = call.text(path);
            Pointer with = ModelOptions.write(options, call);
            return new Model(call.make(Low::groma_model_destroy, (model, error) -> Low.groma_model_open_with(file, with, model,
                    error)));
        }
    }

    /**
     * Opens a model from memory, which is copied.
     *
     * @param name what to call it in messages
     * @param data the bytes of an ONNX file
     * @param manifestJson a manifest that replaces the one inside; null for that
     */
    public static Model openMemory(String name, byte[] data, String manifestJson) {
        try (Call call = new Call()) {
            Pointer called = call.text(name);
            Pointer bytes = call.bytes(data);
            Pointer manifest = call.text(manifestJson);
            return new Model(call.make(Low::groma_model_destroy, (model, error) ->
                    Low.groma_model_open_memory(called, bytes, data.length, manifest, model, error)));
        }
    }

    /** Opens a model from memory, which is copied, with options; null for the defaults. */
    public static Model openMemory(String name, byte[] data, ModelOptions options) {
        try (Call call = new Call()) {
            Pointer called = call.text(name);
            Pointer bytes = call.bytes(data);
            Pointer with = ModelOptions.write(options, call);
            return new Model(call.make(Low::groma_model_destroy, (model, error) ->
                    Low.groma_model_open_memory_with(called, bytes, data.length, with, model, error)));
        }
    }

    /** Opens the default model, which is part of the library. */
    public static Model openDefault() {
        try (Call call = new Call()) {
            return new Model(call.make(Low::groma_model_destroy, Low::groma_model_open_default));
        }
    }

    /** Opens the default model with options, a device for instance; null for the defaults. */
    public static Model openDefault(ModelOptions options) {
        try (Call call = new Call()) {
            Pointer with = ModelOptions.write(options, call);
            return new Model(call.make(Low::groma_model_destroy, (model, error) ->
                    Low.groma_model_open_default_with(with, model, error)));
        }
    }

    /**
     * Makes an ensemble: a model that asks others, which may be closed afterwards.
     *
     * @param models the members
     * @param weights one a member; null for equal ones
     * @param combine how they answer together
     */
    public static Model openEnsemble(List<Model> models, double[] weights, Combine combine) {
        if (weights != null && weights.length != models.size()) throw new IllegalArgumentException("one weight a model");
        try (Call call = new Call()) {
            Pointer members = call.handles(models);
            Memory shares = weights == null ? null : call.memory(8L * weights.length);
            if (weights != null) shares.write(0, weights, 0, weights.length);
            return new Model(call.make(Low::groma_model_destroy, (model, error) ->
                    Low.groma_model_open_ensemble(members, shares, models.size(), combine.number, model, error)));
        }
    }

    /** The model's file name, or {@code groma default}. */
    public String name() {
        return text(Low::groma_model_name);
    }

    /** Number of classes. */
    public long classCount() {
        return number(Low::groma_model_class_count);
    }

    /** Name of a class; null if there is no such one. */
    public String className(long index) {
        return text(h -> Low.groma_model_class_name(h, index));
    }

    /** Names of the classes, in their order. */
    public List<String> classes() {
        return List.of(texts(classCount(), this::className));
    }

    /** The manifest as a JSON object: feature columns, normalisation, classes, ASPRS codes. */
    public String manifestJson() {
        return text(Low::groma_model_manifest_json);
    }

    /** Everything that is known about the model, as a JSON object. */
    public String describeJson() {
        return text(Low::groma_model_describe_json);
    }

    /** Rows a call that suit the model on each of its devices, as a JSON array; a GPU is measured once, and remembered. */
    public String batchesJson() {
        try (Call call = new Call()) {
            Pointer model = call.use(this);
            return call.string((json, error) -> Low.groma_model_batches_json(model, json, error));
        }
    }

    /** A value of the ONNX metadata; null if there is none under this key. */
    public String metadata(String key) {
        try (Call call = new Call()) {
            Pointer named = call.text(key);
            return text(h -> Low.groma_model_metadata(h, named));
        }
    }

    /** {@link #classifyFile(String, String, ClassifyOptions)} with the defaults. */
    public Summary classifyFile(String input, String output) {
        return classifyFile(input, output, null);
    }

    /**
     * Classifies a LAS, LAZ or COPC file. The output holds the same points in the same order with their classes replaced, and
     * everything else as it was; it appears whole or not at all.
     *
     * @param input the file to read
     * @param output the file to write: {@code .las} or {@code .laz}
     * @param options null for the defaults
     * @return what was done
     */
    public Summary classifyFile(String input, String output, ClassifyOptions options) {
        return Call.run(call -> fileClassification(call, input, output, options, null));
    }

    private Supplier<Summary> fileClassification(Call call, String input, String output, ClassifyOptions options,
            Cancel cancel) {
        Pointer model = call.use(this);
        Pointer from = call.text(input);
        Pointer to = call.text(output);
        Pointer with = ClassifyOptions.write(options, call, cancel);
        return () -> new Summary(call.make(Low::groma_summary_destroy, (summary, error) ->
                Low.groma_classify_file(model, from, to, with, summary, error)));
    }

    /** {@link #classify(Points, ClassifyOptions)} with the defaults. */
    public Result classify(Points points) {
        return classify(points, null);
    }

    /**
     * Classifies points in memory.
     *
     * @param points the points, with the attributes that the model needs
     * @param options null for the defaults; what concerns files is ignored
     */
    public Result classify(Points points, ClassifyOptions options) {
        return Call.run(call -> classification(call, points, options, null));
    }

    private Supplier<Result> classification(Call call, Points points, ClassifyOptions options, Cancel cancel) {
        Pointer model = call.use(this);
        Pointer of = points.write(call);
        Pointer with = ClassifyOptions.write(options, call, cancel);
        return () -> new Result(call.make(Low::groma_result_destroy, (result, error) ->
                Low.groma_classify_points(model, of, with, result, error)));
    }

    /**
     * What the network says of points inside, as F32 {@code [count, width]}.
     *
     * @param points the points, with the attributes that the model needs
     * @param tensor name of a tensor of the network with one row a point
     * @param options null for the defaults
     */
    public Value embed(Points points, String tensor, ClassifyOptions options) {
        return Call.run(call -> embedding(call, points, tensor, options, null));
    }

    private Supplier<Value> embedding(Call call, Points points, String tensor, ClassifyOptions options, Cancel cancel) {
        Pointer model = call.use(this);
        Pointer of = points.write(call);
        Pointer name = call.text(tensor);
        Pointer with = ClassifyOptions.write(options, call, cancel);
        return () -> new Value(call.make(Low::groma_value_destroy, (embeddings, error) ->
                Low.groma_embed_points(model, of, name, with, embeddings, error)));
    }

    /** {@link #classifyFile} on a thread of its own, where progress is told; cancelling the future stops it. */
    public CompletableFuture<Summary> classifyFileAsync(String input, String output, ClassifyOptions options) {
        return Async.run((call, cancel) -> fileClassification(call, input, output, options, cancel));
    }

    /** {@link #classify} on a thread of its own; leave direct buffers as they are until it has ended. */
    public CompletableFuture<Result> classifyAsync(Points points, ClassifyOptions options) {
        return Async.run((call, cancel) -> classification(call, points, options, cancel));
    }

    /** {@link #embed} on a thread of its own; leave direct buffers as they are until it has ended. */
    public CompletableFuture<Value> embedAsync(Points points, String tensor, ClassifyOptions options) {
        return Async.run((call, cancel) -> embedding(call, points, tensor, options, cancel));
    }
}
