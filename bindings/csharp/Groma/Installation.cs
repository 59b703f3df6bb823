// What the library runs on: ONNX Runtime, devices, and its messages.
using System;
using System.Collections.Generic;

namespace Groma
{
    /// <summary>ONNX Runtime, which runs the models. It is loaded when a model is first opened, once in a process.</summary>
    public static class OnnxRuntime
    {
        /// <summary>Whether it is loaded.</summary>
        public static bool IsLoaded
        {
            get { Library.Load(); return Native.Read(() => Low.groma_runtime_is_loaded()) != 0; }
        }

        /// <summary>Loads it now: the place to name a path, and to see what is wrong.</summary>
        /// <param name="path">the library's file; null looks for it</param>
        public static void Load(string path = null)
        {
            using (var call = new Call())
            {
                IntPtr file = call.Text(path);
                call.Do((out IntPtr error) => Low.groma_runtime_load(file, out error));
            }
        }

        /// <summary>Uses the one that the host already has, before anything else loads one.</summary>
        /// <param name="ortApiBase">the host's <c>OrtApiBase</c></param>
        public static void Use(IntPtr ortApiBase)
        {
            using (var call = new Call()) call.Do((out IntPtr error) => Low.groma_runtime_use(ortApiBase, out error));
        }

        /// <summary>Which one is used and how it was found, or why there is none, as a JSON object.</summary>
        public static string Describe()
        {
            using (var call = new Call())
                return call.String((out IntPtr json, out IntPtr error) => Low.groma_runtime_describe(out json, out error));
        }
    }

    /// <summary>The devices that models can run on, as they were when this was made.</summary>
    public sealed class Devices : NativeObject
    {
        /// <summary>Looks for devices.</summary>
        public Devices() : base(List()) { }

        /// <summary>Number of devices.</summary>
        public long Count { get { return (long)Get(h => Low.groma_devices_count(h)); } }

        /// <summary>Everything, as a JSON object.</summary>
        public string Json { get { return Text(h => Low.groma_devices_json(h)); } }

        /// <summary>What the option <c>Device</c> takes: <c>cpu</c>; null if there is no such device.</summary>
        public string Name(long index) { return Text(h => Low.groma_devices_name(h, unchecked((ulong)index))); }

        /// <summary>Name of the processor; null if there is no such device.</summary>
        public string Description(long index) { return Text(h => Low.groma_devices_description(h, unchecked((ulong)index))); }

        /// <summary>Its memory in bytes; 0 if not known.</summary>
        public long MemoryTotalBytes(long index) { return (long)Get(h => Low.groma_devices_memory_total_bytes(h,
            unchecked((ulong)index))); }

        /// <summary>Its free memory in bytes; 0 if not known.</summary>
        public long MemoryFreeBytes(long index) { return (long)Get(h => Low.groma_devices_memory_free_bytes(h,
            unchecked((ulong)index))); }

        /// <summary>Whether so many bytes of its memory were free; not where that is not known.</summary>
        public bool Fits(long index, long bytes) { return Get(h => Low.groma_devices_fits(h, unchecked((ulong)index),
            checked((ulong)bytes))) != 0; }

        /// <summary>Name of the GPU that was least at work; <c>cpu</c> if none can be used.</summary>
        public string LeastLoaded { get { return Text(h => Low.groma_devices_least_loaded(h)); } }

        private static DevicesHandle List()
        {
            using (var call = new Call())
                return call.Make<DevicesHandle>((out IntPtr devices, out IntPtr error) => Low.groma_devices_list(out devices,
                    out error));
        }
    }

    /// <summary>Gets messages of the library and of ONNX Runtime, on threads that are inside a call of the library.</summary>
    /// <param name="level">how grave it is</param>
    /// <param name="target">the part that says it</param>
    /// <param name="message">what it says</param>
    public delegate void LogCallback(LogLevel level, string target, string message);

    /// <summary>Messages of the library and of ONNX Runtime. Silent until asked.</summary>
    public static class Log
    {
        // Never collected: a call on another thread may hold the one before while it is replaced.
        private static readonly List<groma_log_fn> Kept = new List<groma_log_fn>();

        /// <summary>Hands messages to a callback, in place of the one before. What it throws is dropped.</summary>
        /// <param name="callback">null for silence</param>
        /// <param name="level">the most verbose level that is wanted</param>
        public static void Set(LogCallback callback, LogLevel level = LogLevel.Info)
        {
            groma_log_fn native = null;
            if (callback != null)
            {
                native = (user, grave, target, message) =>
                {
                    try { callback((LogLevel)grave, Native.Text(target), Native.Text(message)); }
                    catch (Exception) { } // there is nobody whom it could reach
                };
            }
            // Not around the call, which waits for a callback on another thread; that one may be in this function.
            if (native != null)
                lock (Kept) Kept.Add(native);
            IntPtr pointer = native == null ? IntPtr.Zero
                : System.Runtime.InteropServices.Marshal.GetFunctionPointerForDelegate(native);
            using (var call = new Call()) call.Do((out IntPtr error) => Low.groma_log_set(pointer, IntPtr.Zero, (int)level,
                out error));
        }
    }
}
