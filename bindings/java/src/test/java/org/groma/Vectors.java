// Runs the vectors that all languages share, through the native layer: org.groma.Vectors VECTORS_DIR [--case NAME]
package org.groma;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The runner. */
public final class Vectors {
    private static final String CHILD = "GROMA_VECTORS_CHILD"; // set in a process that was started for one case
    private static final String CHILD_TMP = "GROMA_VECTORS_CHILD_TMP";
    private static final String SKIPPED = "skipped ";

    private Vectors() {}

    /** Runs all cases, or one; ends with 1 if any failed. */
    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 1 && !(arguments.length == 3 && arguments[1].equals("--case"))) {
            System.err.println("usage: Vectors VECTORS_DIR [--case NAME]");
            System.exit(2);
        }
        Path folder = Path.of(arguments[0]).toAbsolutePath();
        int passed = 0;
        int failed = 0;
        for (String name : arguments.length == 3 ? List.of(arguments[2]) : names(folder)) {
            String reason = runCase(folder, name);
            if (reason == null) {
                passed++;
                System.out.println("ok " + name);
            } else if (reason.startsWith(SKIPPED)) {
                System.out.println(reason);
            } else {
                failed++;
                System.out.println("FAILED " + name + ": " + reason);
            }
        }
        System.out.println(passed + " passed, " + failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.filter(entry -> Files.exists(entry.resolve("case.json"))).map(entry ->
                    entry.getFileName().toString()).sorted().collect(Collectors.toList());
        }
    }

    // Null if all was well.
    private static String runCase(Path vectors, String name) throws IOException {
        boolean child = name.equals(System.getenv(CHILD));
        VectorStep.Case of = new VectorStep.Case();
        of.vectors = vectors;
        of.tmp = child ? Path.of(System.getenv(CHILD_TMP)) : Files.createTempDirectory("groma-vectors");
        try {
            String text = Files.readString(vectors.resolve(name).resolve("case.json"));
            JsonObject description = JsonParser.parseString(text).getAsJsonObject();
            String needs = description.has("needs") ? description.get("needs").getAsString() : "";
            if (!List.of("", "debug", "no_runtime").contains(needs)) return "this runner does not know the need " + needs;
            if (needs.equals("debug") && "1".equals(System.getenv("GROMA_VECTORS_RELEASE"))) {
                return SKIPPED + name + ": it needs a debug build of the library";
            }
            if (needs.equals("no_runtime") && System.getenv("GROMA_VECTORS_LONELY") == null) {
                return SKIPPED + name + ": GROMA_VECTORS_LONELY names no library in a folder of its own";
            }
            if (description.has("environment") && !child) return runChild(of, name, description.getAsJsonObject("environment"));
            of.in = Tensor.read(vectors.resolve(name).resolve("in.safetensors"));
            of.out = Tensor.read(vectors.resolve(name).resolve("out.safetensors"));
            int number = 0;
            for (JsonElement element : description.getAsJsonArray("steps")) {
                number++;
                JsonObject step = element.getAsJsonObject();
                if (step.has("native") && !step.get("native").getAsBoolean()) continue;
                try {
                    runStep(new VectorStep(of, step), step);
                } catch (RuntimeException | LinkageError e) {
                    String what = e instanceof Failed ? e.getMessage() : String.valueOf(e);
                    return "step " + number + " " + step.get("call").getAsString() + ": " + what;
                }
            }
            return null;
        } catch (IOException | RuntimeException e) {
            return String.valueOf(e);
        } finally {
            for (Object left : of.given.values()) {
                if (left instanceof Pointer) VectorStep.drop((Pointer) left);
                else VectorStep.close(left);
            }
            if (!child) delete(of.tmp);
        }
    }

    private static void runStep(VectorStep s, JsonObject step) {
        String name = step.get("call").getAsString();
        VectorCalls.Stands stands = VectorCalls.ALL.get(name);
        if (stands == null) throw new Failed("this runner does not know the function");
        Object answer = null;
        RuntimeException thrown = null;
        try {
            answer = stands.call(s);
        } catch (Failed e) {
            throw e;
        } catch (RuntimeException e) {
            thrown = e;
        }
        if (step.has("fails")) checkFailure(s, step.getAsJsonObject("fails"), thrown);
        else if (thrown != null) throw thrown;
        else if (step.has("expect")) s.expect(answer, step.get("expect"));
        if (thrown == null && s.has("options") && step.get("options").isJsonPrimitive()) {
            int[] told = s.of.told.get(s.get(Object.class, "options"));
            if (told != null && told[0] == 0) throw new Failed("no progress was told");
        }
        if (step.has("logs")) {
            String part = step.get("logs").getAsString();
            synchronized (s.of.messages) {
                if (s.of.messages.stream().noneMatch(message -> message.contains(part))) {
                    throw new Failed("no message contains “" + part + "”: " + s.of.messages);
                }
            }
        }
    }

    private static void checkFailure(VectorStep s, JsonObject expected, RuntimeException thrown) {
        String status = expected.get("status").getAsString();
        if (thrown == null) throw new Failed("no error, expected " + status);
        GromaException error = thrown instanceof GromaException ? (GromaException) thrown : null;
        if (error == null && !isRefusal(thrown)) throw thrown;
        String name = error == null ? "INVALID_ARGUMENT" : Groma.statusName(error.status().number);
        if (!name.equals(status)) throw new Failed("the error is " + name + " (" + thrown.getMessage() + "), expected " + status);
        if (thrown instanceof VectorStep.Inexpressible) return;
        if (expected.has("message_contains")) {
            String part = s.of.replace(expected.get("message_contains").getAsString());
            if (!thrown.getMessage().contains(part)) {
                throw new Failed("“" + part + "” is not in “" + thrown.getMessage() + "”");
            }
        }
        if (error == null) {
            if (expected.has("subject") || expected.has("subject_ends_with")) throw thrown; // it has none
            return;
        }
        String subject = String.valueOf(error.subject());
        if (expected.has("subject_ends_with")
                && !subject.endsWith(s.of.replace(expected.get("subject_ends_with").getAsString()))) {
            throw new Failed("the subject is “" + subject + "”, expected ..." + expected.get("subject_ends_with"));
        }
        if (expected.has("subject") && !subject.equals(s.of.replace(expected.get("subject").getAsString()))) {
            throw new Failed("the subject is “" + subject + "”, expected " + expected.get("subject"));
        }
        s.give("error", error);
    }

    // What the layer's own types and checks refuse never reaches the library; what it merely stumbles over is a defect.
    private static boolean isRefusal(RuntimeException thrown) {
        if (thrown instanceof VectorStep.Inexpressible) return true;
        if (!(thrown instanceof IllegalArgumentException || thrown instanceof ArithmeticException)) return false;
        for (StackTraceElement by : thrown.getStackTrace()) {
            if (by.getClassName().startsWith("java.lang.")) continue; // Math.addExact, Math.toIntExact
            return by.getClassName().startsWith("org.groma.") && !by.getClassName().startsWith("org.groma.Vector");
        }
        return false;
    }

    // A process of its own, with other environment variables.
    private static String runChild(VectorStep.Case of, String name, JsonObject environment) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:TieredStopAtLevel=1",
                "-cp", System.getProperty("java.class.path"),
                Vectors.class.getName(), of.vectors.toString(), "--case", name);
        for (Map.Entry<String, JsonElement> variable : environment.entrySet()) {
            if (variable.getValue().isJsonNull()) builder.environment().remove(variable.getKey());
            else builder.environment().put(variable.getKey(), of.replace(variable.getValue().getAsString()));
        }
        builder.environment().put(CHILD, name);
        builder.environment().put(CHILD_TMP, of.tmp.toString());
        builder.redirectError(ProcessBuilder.Redirect.INHERIT);
        Process process = builder.start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            return "interrupted";
        }
        String prefix = "FAILED " + name + ": ";
        for (String line : said.split("\n")) {
            if (line.equals("ok " + name)) return null;
            if (line.startsWith(SKIPPED)) return line;
            if (line.startsWith(prefix)) return line.substring(prefix.length());
        }
        return "its process ended with " + process.exitValue() + " and said: " + said;
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> entries = Files.walk(folder)) {
            for (Path entry : entries.sorted(Comparator.reverseOrder()).collect(Collectors.toList())) Files.delete(entry);
        }
    }
}
