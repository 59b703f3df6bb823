// What a step of a vector case expects of an answer.
package org.groma;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.Arrays;
import java.util.Map;

/** Compares answers with what a step says. */
final class VectorExpect {
    private final VectorStep step;

    VectorExpect(VectorStep step) {
        this.step = step;
    }

    private static double toNumber(Object value) {
        if (value instanceof Boolean) return (Boolean) value ? 1 : 0;
        if (value instanceof Number) return ((Number) value).doubleValue();
        try {
            return value.getClass().getField("number").getInt(value);
        } catch (ReflectiveOperationException | NullPointerException e) {
            throw new Failed("the answer is " + value + ", expected a number");
        }
    }

    /** Fails unless a value is what the step expects. */
    void check(Object value, JsonElement expected) {
        if (expected.isJsonNull()) {
            if (value != null) throw new Failed("the answer is " + value + ", expected none");
        } else if (expected.isJsonObject()) {
            expectObject(value, expected.getAsJsonObject());
        } else if (expected.isJsonArray()) {
            long[] sizes = new long[expected.getAsJsonArray().size()];
            for (int i = 0; i < sizes.length; i++) sizes[i] = expected.getAsJsonArray().get(i).getAsLong();
            if (!Arrays.equals((long[]) value, sizes)) {
                throw new Failed("the answer is " + Arrays.toString((long[]) value) + ", expected " + expected);
            }
        } else if (value instanceof String) {
            if (!value.equals(step.of.replace(expected.getAsString()))) {
                throw new Failed("the answer is “" + value + "”, expected “" + expected + "”");
            }
        } else if (toNumber(value) != VectorStep.constant(expected)) {
            throw new Failed("the answer is " + value + ", expected " + expected);
        }
    }

    private void expectObject(Object value, JsonObject expected) {
        double tolerance = expected.has("tolerance") ? expected.get("tolerance").getAsDouble() : 0;
        if (expected.has("tensor")) {
            if (!(value instanceof Tensor)) throw new Failed("the answer is no tensor");
            ((Tensor) value).compare(step.tensor(expected.get("tensor")), tolerance);
        } else if (expected.has("json")) {
            subset(JsonParser.parseString((String) value), expected.get("json"), "");
        } else if (expected.has("contains")) {
            String part = step.of.replace(expected.get("contains").getAsString());
            if (value == null || !((String) value).contains(part)) {
                throw new Failed("“" + part + "” is not in “" + value + "”");
            }
        } else if (expected.has("approx")) {
            if (!(Math.abs(toNumber(value) - expected.get("approx").getAsDouble()) <= tolerance)) {
                throw new Failed("the answer is " + value + ", expected " + expected);
            }
        } else if (expected.has("at_least")) {
            if (!(toNumber(value) >= expected.get("at_least").getAsDouble())) throw new Failed("the answer is " + value
                    + ", expected " + expected);
        } else if (expected.has("not_null")) {
            if (value == null) throw new Failed("there is no answer");
        } else {
            throw new Failed("unknown expectation " + expected);
        }
    }

    private void subset(JsonElement value, JsonElement expected, String place) {
        Failed differs = new Failed(place + " is " + value + ", expected " + expected);
        if (expected.isJsonObject()) {
            if (!value.isJsonObject()) throw differs;
            for (Map.Entry<String, JsonElement> entry : expected.getAsJsonObject().entrySet()) {
                JsonElement item = value.getAsJsonObject().get(entry.getKey());
                if (item == null) throw new Failed(place + "." + entry.getKey() + " is not there");
                subset(item, entry.getValue(), place + "." + entry.getKey());
            }
        } else if (expected.isJsonArray()) {
            if (!value.isJsonArray() || value.getAsJsonArray().size() != expected.getAsJsonArray().size()) throw differs;
            for (int i = 0; i < value.getAsJsonArray().size(); i++) {
                subset(value.getAsJsonArray().get(i), expected.getAsJsonArray().get(i), place + "[" + i + "]");
            }
        } else if (expected.isJsonPrimitive() && expected.getAsJsonPrimitive().isNumber()) {
            if (!value.isJsonPrimitive() || !value.getAsJsonPrimitive().isNumber()) throw differs;
            double a = value.getAsDouble(), b = expected.getAsDouble();
            if (!(Math.abs(a - b) <= 1e-9 * Math.abs(b))) throw differs;
        } else if (expected.isJsonPrimitive() && expected.getAsJsonPrimitive().isString()) {
            if (!value.isJsonPrimitive() || !value.getAsString().equals(step.of.replace(expected.getAsString()))) throw differs;
        } else if (!value.equals(expected)) {
            throw differs;
        }
    }
}
