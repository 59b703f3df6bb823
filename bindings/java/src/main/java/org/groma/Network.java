// Networks: any ONNX model, named values in and out.
package org.groma;

import com.sun.jna.Pointer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/** Any ONNX model. Any number of threads may run one at the same time. */
public final class Network extends NativeObject {
    private Network(Resource resource) {
        super(resource);
    }

    /** Opens an ONNX file with the defaults. */
    public static Network open(String path) {
        return open(path, null);
    }

    /** Opens an ONNX file; null options for the defaults. */
    public static Network open(String path, NetworkOptions options) {
        try (Call call = new Call()) {
            Pointer file = call.text(path);
            Pointer with = NetworkOptions.write(options, call);
            return new Network(call.make(Low::groma_network_destroy, (network, error) -> Low.groma_network_open(file, with,
                    network, error)));
        }
    }

    /**
     * Opens an ONNX model from memory, which is copied.
     *
     * @param name what to call it in messages
     * @param data the bytes of an ONNX file
     * @param options null for the defaults
     */
    public static Network openMemory(String name, byte[] data, NetworkOptions options) {
        try (Call call = new Call()) {
            Pointer called = call.text(name);
            Pointer bytes = call.bytes(data);
            Pointer with = NetworkOptions.write(options, call);
            return new Network(call.make(Low::groma_network_destroy, (network, error) ->
                    Low.groma_network_open_memory(called, bytes, data.length, with, network, error)));
        }
    }

    /** The file's name, or the one it was given. */
    public String name() {
        return text(Low::groma_network_name);
    }

    /** Number of inputs. */
    public long inputCount() {
        return number(Low::groma_network_input_count);
    }

    /** Name of an input; null if there is no such one. */
    public String inputName(long index) {
        return text(h -> Low.groma_network_input_name(h, index));
    }

    /** Names of the inputs. */
    public List<String> inputNames() {
        return List.of(texts(inputCount(), this::inputName));
    }

    /** Number of outputs. */
    public long outputCount() {
        return number(Low::groma_network_output_count);
    }

    /** Name of an output; null if there is no such one. */
    public String outputName(long index) {
        return text(h -> Low.groma_network_output_name(h, index));
    }

    /** Names of the outputs, those asked for as extra ones last. */
    public List<String> outputNames() {
        return List.of(texts(outputCount(), this::outputName));
    }

    /** A value of the ONNX metadata; null if there is none under this key. */
    public String metadata(String key) {
        try (Call call = new Call()) {
            Pointer named = call.text(key);
            return text(h -> Low.groma_network_metadata(h, named));
        }
    }

    /** Inputs, outputs, metadata, operator sets, intermediate tensors and initializers, as a JSON object. */
    public String describeJson() {
        return text(Low::groma_network_describe_json);
    }

    /** Runs the network for all its outputs. */
    public Outputs run(Map<String, Value> inputs) {
        return run(inputs, null, null);
    }

    /**
     * Runs the network.
     *
     * @param inputs a value for each input; optional ones may be left out
     * @param outputs names of the outputs wanted; null for all
     * @param options null for the defaults
     */
    public Outputs run(Map<String, Value> inputs, List<String> outputs, NetworkRunOptions options) {
        return run(new ArrayList<>(inputs.keySet()), new ArrayList<>(inputs.values()), outputs, options);
    }

    /**
     * Runs the network.
     *
     * @param names names of inputs
     * @param values their values, in the same order
     * @param outputs names of the outputs wanted; null for all
     * @param options null for the defaults
     */
    public Outputs run(List<String> names, List<Value> values, List<String> outputs, NetworkRunOptions options) {
        return Call.run(call -> running(call, names, values, outputs, options, null));
    }

    private Supplier<Outputs> running(Call call, List<String> names, List<Value> values, List<String> outputs,
            NetworkRunOptions options, Cancel cancel) {
        if (names.size() != values.size()) throw new IllegalArgumentException("one value a name");
        Pointer network = call.use(this);
        Pointer called = call.texts(names);
        Pointer given = call.handles(values);
        Pointer wanted = call.texts(outputs);
        Pointer with = NetworkRunOptions.write(options, call, cancel);
        long count = outputs == null ? 0 : outputs.size();
        // Asked now: the network may be closed meanwhile.
        List<String> outputNames = outputs == null ? outputNames() : List.copyOf(outputs);
        int size = names.size();
        return () -> {
            Resource made = call.make(Low::groma_value_destroy, (sequence, error) ->
                    Low.groma_network_run(network, called, given, size, wanted, count, with, sequence, error));
            try (Value sequence = new Value(made)) {
                return new Outputs(outputNames, sequence);
            }
        };
    }

    /** {@link #run(Map, List, NetworkRunOptions)} on a thread of its own; cancelling the future stops it. */
    public CompletableFuture<Outputs> runAsync(Map<String, Value> inputs, List<String> outputs, NetworkRunOptions options) {
        List<String> names = new ArrayList<>(inputs.keySet());
        List<Value> values = new ArrayList<>(inputs.values());
        return Async.run((call, cancel) -> running(call, names, values, outputs, options, cancel));
    }
}
