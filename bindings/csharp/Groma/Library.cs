// The native library: where it is found, which version it is, what it says about the installation.
using System;
using System.Collections.Generic;
using System.IO;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Groma
{
    /// <summary>
    /// The native library. It is loaded at the first use of this assembly: the file that the environment variable
    /// <c>GROMA_LIBRARY</c> names, else one beside this assembly, else what the system finds under the name <c>groma</c>.
    /// </summary>
    public static class Library
    {
        private static readonly object Gate = new object();
        private static volatile bool loaded;

        /// <summary>The file that was chosen; null if the search was left to the system.</summary>
        public static string File { get; private set; }

        /// <summary>Version of the library, as <c>1.2.3</c>.</summary>
        public static string Version
        {
            get { Load(); return Native.Text(() => Low.groma_version()); }
        }

        /// <summary>The ABI of the library: <c>major &lt;&lt; 16 | minor</c>.</summary>
        public static long AbiVersion
        {
            get { Load(); return Native.Read(() => Low.groma_abi_version()); }
        }

        /// <summary>
        /// Everything about the installation as a JSON object: versions, ONNX Runtime, CPU, devices, the default model, and
        /// the reason for whatever is absent.
        /// </summary>
        public static string Doctor()
        {
            using (var call = new Call()) return call.String((out IntPtr json, out IntPtr error) =>
                Low.groma_doctor_json(out json, out error));
        }

        /// <summary>
        /// The name of a status as the C interface has it, <c>NOT_FOUND</c>; <c>UNKNOWN</c> for other numbers.
        /// </summary>
        /// <param name="status">any number</param>
        public static string StatusName(int status)
        {
            Load();
            return Native.Text(() => Low.groma_status_name(status));
        }

        /// <summary>
        /// Loads the library; does nothing if it is loaded. Mono looks a native function up when it compiles the method
        /// that calls it, so calls into <see cref="Low"/> stand in lambdas or methods that are reached after this one.
        /// </summary>
        /// <exception cref="DllNotFoundException">there is no library where one was named</exception>
        /// <exception cref="NotSupportedException">the library speaks another version of the ABI</exception>
        public static void Load()
        {
            if (loaded) return;
            lock (Gate)
            {
                if (loaded) return;
                File = Find();
                if (File != null) Choose(File);
                try { CheckAbi(); }
                catch (DllNotFoundException e)
                {
                    throw new DllNotFoundException("the native library of Groma cannot be loaded ("
                        + (File ?? "there is none beside "
                        + typeof(Library).Assembly.Location + ", and the system finds none")
                            + "): name libgroma in GROMA_LIBRARY", e);
                }
                loaded = true;
            }
        }

        private static string Find()
        {
            string named = Environment.GetEnvironmentVariable("GROMA_LIBRARY");
            if (!string.IsNullOrEmpty(named))
            {
                if (!System.IO.File.Exists(named))
                    throw new DllNotFoundException("GROMA_LIBRARY names " + named
                        + ", which is not a file; name libgroma itself");
                return Path.GetFullPath(named);
            }
            string assembly = typeof(Library).Assembly.Location;
            if (string.IsNullOrEmpty(assembly)) return null;
            foreach (string name in FileNames())
            {
                string beside = Path.Combine(Path.GetDirectoryName(assembly), name);
                if (System.IO.File.Exists(beside)) return beside;
            }
            return null;
        }

        private static IEnumerable<string> FileNames()
        {
            if (Path.DirectorySeparatorChar == '\\') return new[] { "groma.dll" };
            return new[] { "libgroma.so." + Low.GROMA_ABI_MAJOR, "libgroma.so", "libgroma.dylib" };
        }

        // Lets the name `groma` of the low layer's declarations stand for one file.
        private static void Choose(string file)
        {
#if NETCOREAPP3_0_OR_GREATER
            NativeLibrary.SetDllImportResolver(typeof(Low).Assembly, (name, assembly, path) =>
                name == "groma" ? NativeLibrary.Load(file) : IntPtr.Zero);
#else
            if (Type.GetType("Mono.Runtime") != null) MapOnMono(IntPtr.Zero, "groma", null, file, null);
            else if (Path.DirectorySeparatorChar == '\\') LoadOnWindows(file);
#endif
        }

#if !NETCOREAPP3_0_OR_GREATER
        [DllImport("__Internal", EntryPoint = "mono_dllmap_insert", CharSet = CharSet.Ansi)]
        private static extern void MapOnMono(IntPtr image, string dll, string function, string file, string target);

        [DllImport("kernel32", EntryPoint = "LoadLibraryW", CharSet = CharSet.Unicode)]
        private static extern IntPtr LoadOnWindows(string file);
#endif

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void CheckAbi()
        {
            uint version = Low.groma_abi_version();
            if (version >> 16 == Low.GROMA_ABI_MAJOR && (version & 0xffff) >= Low.GROMA_ABI_MINOR) return;
            throw new NotSupportedException(string.Format(
                "{0} speaks ABI {1}.{2}, and this assembly needs {3}.{4} or a newer minor: take both from one release",
                File ?? "the library", version >> 16, version & 0xffff, Low.GROMA_ABI_MAJOR, Low.GROMA_ABI_MINOR));
        }
    }
}
