// One step of a vector case: its arguments, and what is expected of it.
package org.groma;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Type;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;

/** A step. */
final class VectorStep {
    /** What lives during a case. */
    static final class Case {
        Path vectors;
        Path tmp;
        Map<String, Tensor> in;
        Map<String, Tensor> out;
        final Map<String, Object> given = new TreeMap<>();
        final List<String> messages = Collections.synchronizedList(new ArrayList<>());
        final Map<Object, int[]> told = new HashMap<>();

        String replace(String text) {
            return text.replace("${tmp}", tmp.toString()).replace("${vectors}", vectors.toString())
                    .replace("${models}", vectors.resolveSibling("models").toString())
                    .replace("${lonely}", environment("GROMA_VECTORS_LONELY"))
                    .replace("${old_runtime}", environment("GROMA_VECTORS_OLD_RUNTIME"))
                    .replace("${runtime}", environment("GROMA_ONNXRUNTIME"));
        }

        private static String environment(String name) {
            return System.getenv(name) == null ? "" : System.getenv(name);
        }
    }

    final Case of;
    private final JsonObject step;

    VectorStep(Case of, JsonObject step) {
        this.of = of;
        this.step = step;
    }

    boolean has(String name) {
        return step.has(name) && !step.get(name).isJsonNull();
    }

    JsonElement token(String name) {
        return step.get(name);
    }

    /** Text, a JSON object as its text, or null. */
    String text(String name) {
        if (!has(name)) return null;
        return of.replace(step.get(name).isJsonPrimitive() ? step.get(name).getAsString() : step.get(name).toString());
    }

    List<String> texts(String name) {
        if (!has(name)) return null;
        List<String> texts = new ArrayList<>();
        for (JsonElement item : step.getAsJsonArray(name)) texts.add(of.replace(item.getAsString()));
        return texts;
    }

    double number(String name) {
        return has(name) ? constant(step.get(name)) : 0;
    }

    long whole(String name) {
        if (!has(name)) return 0;
        JsonElement token = step.get(name);
        return token.getAsJsonPrimitive().isNumber() ? token.getAsBigDecimal().toBigInteger().longValue()
                : (long) constant(token);
    }

    long[] wholes(String name) {
        if (!has(name)) return null;
        long[] numbers = new long[step.getAsJsonArray(name).size()];
        for (int i = 0; i < numbers.length; i++) numbers[i] = step.getAsJsonArray(name).get(i).getAsLong();
        return numbers;
    }

    /** A choice that the language has no word for. */
    static final class Inexpressible extends RuntimeException {
        private static final long serialVersionUID = 1;

        Inexpressible(String message) {
            super(message);
        }
    }

    /** A choice; a number that stands for none is what the language itself refuses. */
    <E extends Enum<E>> E choice(Class<E> type, String name) {
        return choice(type, (int) number(name));
    }

    private static <E extends Enum<E>> E choice(Class<E> type, int number) {
        for (E value : type.getEnumConstants()) {
            try {
                if (type.getField("number").getInt(value) == number) return value;
            } catch (ReflectiveOperationException e) {
                throw new Failed(e.toString());
            }
        }
        throw new Inexpressible("no " + type.getSimpleName() + " has the number " + number);
    }

    /** What an earlier step gave; null if the argument is absent. */
    <T> T get(Class<T> type, String name) {
        if (!has(name)) return null;
        Object found = find(step.get(name).getAsString());
        if (found instanceof Inexpressible) throw (Inexpressible) found;
        return type.cast(found);
    }

    <T> List<T> getAll(Class<T> type, String name) {
        List<T> all = new ArrayList<>();
        if (has(name)) for (JsonElement item : step.getAsJsonArray(name)) all.add(type.cast(find(item.getAsString())));
        return all;
    }

    Object find(String reference) {
        Object found = reference.startsWith("$") ? of.given.get(reference.substring(1)) : null;
        if (found == null) throw new Failed("nothing was given as " + reference);
        return found;
    }

    Tensor tensor(JsonElement token) {
        String text = token.getAsString();
        Map<String, Tensor> from = text.startsWith("@in:") ? of.in : text.startsWith("@out:") ? of.out : Map.of();
        Tensor found = from.get(text.substring(text.indexOf(':') + 1));
        if (found == null) throw new Failed("the case has no tensor " + text);
        return found;
    }

    /** The bytes of a tensor or a file; none if the argument is absent. */
    byte[] data(String name) {
        if (!has(name)) return new byte[0];
        String text = step.get(name).getAsString();
        if (!text.startsWith("@file:")) return tensor(step.get(name)).bytes;
        try {
            return Files.readAllBytes(Path.of(of.replace(text.substring(6))));
        } catch (IOException e) {
            throw new Failed(e.toString());
        }
    }

    /** Keeps what a call gave under the name that the step says. */
    Object give(String output, Object value) {
        JsonObject gives = step.getAsJsonObject("gives");
        if (gives != null && gives.has(output)) {
            release(gives.get(output).getAsString());
            of.given.put(gives.get(output).getAsString(), value);
        } else {
            close(value);
        }
        return null;
    }

    /** Destroys what an earlier step gave. */
    Object destroy(String argument) {
        if (has(argument)) release(step.get(argument).getAsString().substring(1));
        return null;
    }

    private void release(String name) {
        close(of.given.remove(name));
    }

    static void close(Object value) {
        try {
            if (value instanceof AutoCloseable) ((AutoCloseable) value).close();
        } catch (Exception e) {
            throw new Failed(e.toString());
        }
    }

    /** Fresh options with the fields that the step names, or a comparison of their defaults. */
    <T> Object init(Supplier<T> fresh) {
        T options = fresh.get();
        if (has("expect_defaults")) {
            fields("expect_defaults").forEach(field -> checkDefault(options, field.getKey(), field.getValue()));
        }
        try {
            if (has("options")) fields("options").forEach(field -> set(options, field.getKey(), field.getValue()));
        } catch (Inexpressible e) {
            // Its refusal stands for that of the call that would get it.
            return give("options", e);
        }
        return give("options", options);
    }

    private Set<Map.Entry<String, JsonElement>> fields(String name) {
        return step.getAsJsonObject(name).entrySet();
    }

    private void set(Object options, String field, JsonElement value) {
        if (field.equals("progress")) {
            int[] told = new int[1];
            boolean go = value.getAsString().equals("go");
            ((LongOptions<?>) options).progress((stage, done, total) -> {
                told[0]++;
                return go;
            });
            of.told.put(options, told);
            return;
        }
        for (Method method : options.getClass().getMethods()) {
            if (!method.getName().equals(camel(field)) || method.getParameterCount() != 1 || method.isBridge()) continue;
            invoke(method, options, converted(value, method.getParameterTypes()[0], method.getGenericParameterTypes()[0]));
            return;
        }
        throw new Failed(options.getClass().getSimpleName() + " has no " + camel(field));
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private Object converted(JsonElement value, Class<?> type, Type generic) {
        if (value.isJsonNull()) return null;
        if (type == Cancel.class) return find(value.getAsString());
        if (type == String.class) return of.replace(value.isJsonPrimitive() ? value.getAsString() : value.toString());
        if (type == byte[].class) {
            JsonArray items = value.getAsJsonArray();
            byte[] bytes = new byte[items.size()];
            for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) items.get(i).getAsInt();
            return bytes;
        }
        if (type == List.class) {
            List<String> texts = new ArrayList<>();
            for (JsonElement item : value.getAsJsonArray()) texts.add(item.getAsString());
            return texts;
        }
        double number = constant(value);
        if (type == boolean.class) return number != 0;
        if (type.isEnum()) return choice((Class) type, (int) number);
        if (type == int.class) return (int) number;
        if (type == long.class) return value.getAsJsonPrimitive().isNumber()
                ? value.getAsBigDecimal().toBigInteger().longValue() : (long) number;
        if (type == double.class) return number;
        throw new Failed("options of type " + generic);
    }

    private void checkDefault(Object options, String field, JsonElement expected) {
        if (field.equals("struct_size") || field.equals("reserved")
                || field.equals("progress_user")) return; // not of this language
        String counted = field.endsWith("_count") ? field.substring(0, field.length() - 6) : null;
        Object value;
        try {
            value = invoke(options.getClass().getMethod(camel(field)), options);
        } catch (NoSuchMethodException e) {
            if (counted == null) throw new Failed(options.getClass().getSimpleName() + " has no " + camel(field));
            try {
                value = invoke(options.getClass().getMethod(camel(counted + (counted.endsWith("class") ? "es" : "s"))), options);
            } catch (NoSuchMethodException f) {
                throw new Failed(options.getClass().getSimpleName() + " has no " + camel(field));
            }
            value = value == null ? 0 : value instanceof byte[] ? ((byte[]) value).length : ((Collection<?>) value).size();
        }
        expect(value, expected);
    }

    private static Object invoke(Method method, Object on, Object... arguments) {
        try {
            return method.invoke(on, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause() instanceof RuntimeException ? (RuntimeException) e.getCause()
                    : new Failed(e.getCause().toString());
        } catch (IllegalAccessException e) {
            throw new Failed(e.toString());
        }
    }

    private static String camel(String snake) {
        StringBuilder name = new StringBuilder();
        for (String word : snake.split("_")) {
            name.append(name.length() == 0 ? word : Character.toUpperCase(word.charAt(0)) + word.substring(1));
        }
        return name.toString();
    }

    /** Points from the tensors that the step names. */
    Object points() {
        JsonObject fields = has("points") ? step.getAsJsonObject("points") : new JsonObject();
        Column none = Column.of(new double[0]);
        boolean some = fields.has("x");
        Points points = Points.of(some ? column(fields.get("x")) : none, some ? column(fields.get("y")) : none, some
                ? column(fields.get("z")) : none);
        for (String field : fields.keySet()) {
            JsonElement value = fields.get(field);
            switch (field) {
                case "x": case "y": case "z": case "count": break;
                case "resolution": points.resolution(value.getAsDouble()); break;
                case "scale": points.scale(three(value)); break;
                case "offset": points.offset(three(value)); break;
                case "columns":
                    for (String name : value.getAsJsonObject().keySet()) points.add(name,
                            column(value.getAsJsonObject().get(name)));
                    break;
                case "coordinate_type":
                    boolean bare = value.getAsJsonPrimitive().isString() && !value.getAsString().startsWith("GROMA_");
                    double type = bare ? constant("GROMA_TYPE_" + value.getAsString()) : constant(value);
                    if (some && points.coordinateType().number != (int) type) throw new Failed("the coordinates are "
                            + points.coordinateType());
                    break;
                default: throw new Failed("points have no " + field);
            }
        }
        if (has("expect_defaults")) {
            for (Map.Entry<String, JsonElement> field : fields("expect_defaults")) {
                switch (field.getKey()) {
                    case "struct_size": break;
                    case "coordinate_type": expect(points.coordinateType(), field.getValue()); break;
                    case "count": expect(points.count(), field.getValue()); break;
                    case "column_count": expect(points.columnNames().size(), field.getValue()); break;
                    case "resolution": expect(points.resolution(), field.getValue()); break;
                    case "scale": expectThree(points.scale(), field.getValue()); break;
                    case "offset": expectThree(points.offset(), field.getValue()); break;
                    default: expect(field.getKey().endsWith("stride_bytes") ? 0 : null, field.getValue());
                }
            }
        }
        return give("points", points);
    }

    private Column column(JsonElement token) {
        if (token.isJsonPrimitive()) {
            Tensor tensor = tensor(token);
            return tensor.column(0, 1, tensor.count());
        }
        Tensor matrix = tensor(token.getAsJsonObject().get("tensor"));
        return matrix.column(token.getAsJsonObject().get("column").getAsLong(), matrix.shape[1], matrix.shape[0]);
    }

    private static double[] three(JsonElement token) {
        double[] numbers = new double[token.getAsJsonArray().size()];
        for (int i = 0; i < numbers.length; i++) numbers[i] = token.getAsJsonArray().get(i).getAsDouble();
        return numbers;
    }

    private void expectThree(double[] numbers, JsonElement expected) {
        if (expected.getAsJsonArray().size() != numbers.length) {
            throw new Failed(numbers.length + " numbers, expected " + expected);
        }
        for (int i = 0; i < numbers.length; i++) expect(numbers[i], expected.getAsJsonArray().get(i));
    }

    static double constant(JsonElement token) {
        if (token.getAsJsonPrimitive().isString()) return constant(token.getAsString());
        return token.getAsJsonPrimitive().isBoolean() ? (token.getAsBoolean() ? 1 : 0) : token.getAsDouble();
    }

    private static double constant(String name) {
        try {
            return Low.class.getField(name).getInt(null);
        } catch (ReflectiveOperationException e) {
            throw new Failed("no constant " + name);
        }
    }

    /** Fails unless a value is what the step expects. */
    void expect(Object value, JsonElement expected) {
        new VectorExpect(this).check(value, expected);
    }

    /** Takes a DLPack tensor that no step has taken. */
    static void drop(Pointer managed) {
        Value.fromDlPack(managed).close();
    }
}
