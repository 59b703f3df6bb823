// The native library: where it is found, which version it is, what it says about the installation.
package org.groma;

import com.sun.jna.NativeLibrary;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.util.List;

/**
 * The native library. It is loaded at the first use of this package: the file that the environment variable
 * {@code GROMA_LIBRARY} names, else one beside the jar (or the folder of the classes), else what the system finds under the
 * name {@code groma}.
 */
public final class Groma {
    private static volatile boolean loaded;

    private Groma() {}

    /**
     * Loads the library; does nothing if it is loaded.
     *
     * @throws UnsatisfiedLinkError if there is none, or one that speaks another version of the ABI
     */
    public static void load() {
        if (!loaded) loadNow();
    }

    private static synchronized void loadNow() {
        if (loaded) return;
        String library = find();
        // Before its functions are bound, so that an old library is told from a broken one.
        int version = open(library).getFunction("groma_abi_version").invokeInt(new Object[0]);
        int major = version >>> 16, minor = version & 0xffff;
        if (major != Low.GROMA_ABI_MAJOR || minor < Low.GROMA_ABI_MINOR) {
            throw new UnsatisfiedLinkError(String.format(
                    "%s speaks ABI %d.%d, and these classes need %d.%d or a newer minor: take both from one release",
                    library, major, minor, Low.GROMA_ABI_MAJOR, Low.GROMA_ABI_MINOR));
        }
        Low.load(library);
        loaded = true;
    }

    private static NativeLibrary open(String library) {
        try {
            return NativeLibrary.getInstance(library);
        } catch (UnsatisfiedLinkError e) {
            String message = "the native library of Groma cannot be loaded: name libgroma in GROMA_LIBRARY (" + e.getMessage() + ")";
            throw (UnsatisfiedLinkError) new UnsatisfiedLinkError(message).initCause(e);
        }
    }

    private static String find() {
        String named = System.getenv("GROMA_LIBRARY");
        if (named != null && !named.isEmpty()) {
            if (!Files.isRegularFile(Path.of(named))) {
                throw new UnsatisfiedLinkError("GROMA_LIBRARY names " + named + ", which is not a file; name libgroma itself");
            }
            return Path.of(named).toAbsolutePath().toString();
        }
        CodeSource source = Groma.class.getProtectionDomain().getCodeSource();
        if (source != null && "file".equals(source.getLocation().getProtocol())) {
            Path here = Path.of(URI.create(source.getLocation().toString()));
            Path folder = Files.isDirectory(here) ? here : here.getParent();
            String usual = System.mapLibraryName("groma"); // libgroma.so, libgroma.dylib, groma.dll
            for (String name : List.of(usual + "." + Low.GROMA_ABI_MAJOR, usual)) {
                if (Files.isRegularFile(folder.resolve(name))) return folder.resolve(name).toString();
            }
        }
        return "groma";
    }

    /** Version of the library, as {@code 1.2.3}. */
    public static String version() {
        load();
        return Call.text(Low.groma_version());
    }

    /** The ABI of the library: {@code major << 16 | minor}. */
    public static int abiVersion() {
        load();
        return Low.groma_abi_version();
    }

    /** The name of a status as the C interface has it, {@code NOT_FOUND}; {@code UNKNOWN} for other numbers. */
    public static String statusName(int status) {
        load();
        return Call.text(Low.groma_status_name(status));
    }

    /**
     * Everything about the installation as a JSON object: versions, ONNX Runtime, CPU, devices, the default model, and the
     * reason for whatever is absent.
     */
    public static String doctor() {
        try (Call call = new Call()) {
            return call.string(Low::groma_doctor_json);
        }
    }

}
