// What a model says of points.
package org.groma;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;

/** What a model says of every point, in the order of the points. It does not need the model or the points. */
public final class Result extends NativeObject {
    Result(Resource resource) {
        super(resource);
        resource.weigh((10 + (get(Low::groma_result_probabilities) != null ? 4 * classCount() : 0)) * count());
    }

    /** Number of points. */
    public long count() {
        return number(Low::groma_result_count);
    }

    /** Number of classes, the width of the probabilities. */
    public long classCount() {
        return number(Low::groma_result_class_count);
    }

    /** The class of each point, an index into the model's classes, without sign: {@code [count]}. */
    public ByteBuffer classes() {
        return view(Low::groma_result_classes, 0, count());
    }

    /** The ASPRS code of each point, without sign: {@code [count]}. */
    public ByteBuffer asprs() {
        return view(Low::groma_result_asprs, 0, count());
    }

    /** The probability of each point's class, 0...1: {@code [count]}. */
    public FloatBuffer confidence() {
        return view(Low::groma_result_confidence, 0, 4 * count()).asFloatBuffer();
    }

    /** The entropy of each point's probabilities in nats, 0...ln(classes): {@code [count]}. */
    public FloatBuffer entropy() {
        return view(Low::groma_result_entropy, 0, 4 * count()).asFloatBuffer();
    }

    /** All probabilities, class {@code c} of point {@code i} at {@code i * classes + c}; null if they were not asked for. */
    public FloatBuffer probabilities() {
        ByteBuffer bytes = view(Low::groma_result_probabilities, 0, 4 * count() * classCount());
        return bytes == null ? null : bytes.asFloatBuffer();
    }

    /** One of the arrays as a value, which outlives this result, without a copy. */
    public Value value(Output output) {
        try (Call call = new Call()) {
            Pointer result = call.use(this);
            return new Value(call.make(Low::groma_value_destroy, (value, error) -> Low.groma_result_value(result, output.number,
                    value, error)));
        }
    }

    /** One of the arrays as a DLPack view, valid until this result is closed. */
    public Low.groma_tensor_t tensor(Output output) {
        try (Call call = new Call()) {
            Pointer result = call.use(this);
            Low.groma_tensor_t tensor = new Low.groma_tensor_t();
            call.act(error -> Low.groma_result_tensor(result, output.number, tensor.getPointer(), error));
            tensor.read();
            return tensor;
        }
    }

    /** The points that the model is sure of: those with at least this confidence, 0...1. */
    public Confident confident(float minConfidence) {
        try (Call call = new Call()) {
            Pointer result = call.use(this);
            Memory second = call.memory(8);
            Resource mask = call.make(Low::groma_value_destroy, (made, error) ->
                    Low.groma_result_confident(result, minConfidence, made, second, error));
            return new Confident(new Value(mask), new Value(new Resource(second.getPointer(0), Low::groma_value_destroy)));
        }
    }

    /** Points above a confidence, at full length and as a list. */
    public static final class Confident implements AutoCloseable {
        private final Value mask;
        private final Value rows;

        Confident(Value mask, Value rows) {
            this.mask = mask;
            this.rows = rows;
        }

        /** 1 where the confidence is high enough, else 0: U8 {@code [count]}. */
        public Value mask() {
            return mask;
        }

        /** Rows of those points, ascending: U32 {@code [m]}. */
        public Value rows() {
            return rows;
        }

        /** Closes both. */
        @Override
        public void close() {
            mask.close();
            rows.close();
        }
    }
}
