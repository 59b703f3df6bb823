// Handles of the library: one SafeHandle a type, and what the public classes have in common.
using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Groma
{
    /// <summary>
    /// A pointer of the library that is destroyed once, after its last user, at the latest by the finalizer.
    /// </summary>
    public abstract class NativeHandle : SafeHandle
    {
        private long bytes;

        internal NativeHandle() : base(IntPtr.Zero, true) { }

        /// <summary>True before a call has given a pointer.</summary>
        public override bool IsInvalid { get { return handle == IntPtr.Zero; } }

        internal void Take(IntPtr pointer) { SetHandle(pointer); }

        internal abstract void Destroy();

        /// <summary>Says about how large what the pointer stands for is, which the collector cannot see.</summary>
        internal void Weigh(long size)
        {
            bytes = size;
            Weight.Add(size);
        }

        /// <summary>Destroys what the pointer stands for.</summary>
        protected sealed override bool ReleaseHandle()
        {
            Destroy();
            Weight.Remove(bytes);
            return true;
        }
    }

    /// <summary>
    /// Bytes of the living objects. To the collector they are tiny, so that it would let forgotten ones pile up; it is called
    /// when they have doubled. (<c>GC.AddMemoryPressure</c> is for that, but does nothing on mono.)
    /// </summary>
    internal static class Weight
    {
        private const long Little = 256 << 20;
        private static long living, limit = Little;

        public static void Add(long bytes)
        {
            long now = Interlocked.Add(ref living, bytes);
            if (now < Interlocked.Read(ref limit)) return;
            Interlocked.Exchange(ref limit, 2 * now);
            GC.Collect();
        }

        public static void Remove(long bytes)
        {
            long now = Interlocked.Add(ref living, -bytes), before = Interlocked.Read(ref limit);
            long next = Math.Max(Little, 2 * now);
            if (next < before) Interlocked.CompareExchange(ref limit, next, before);
        }
    }

    /// <summary>
    /// An object of the library. <see cref="Dispose"/> frees it at once, or when the calls that use it have returned; what is
    /// forgotten is freed by the finalizer. After it, members throw <see cref="ObjectDisposedException"/>.
    /// </summary>
    public abstract class NativeObject : IDisposable
    {
        internal NativeObject(NativeHandle handle) { Handle = handle; }

        internal NativeHandle Handle { get; private set; }

        /// <summary>True after <see cref="Dispose"/>.</summary>
        public bool IsDisposed { get { return Handle.IsClosed; } }

        /// <summary>
        /// The pointer for calls of <see cref="Low"/>, valid until <see cref="Dispose"/>; keep the object alive meanwhile.
        /// </summary>
        public IntPtr DangerousPointer
        {
            get
            {
                if (Handle.IsClosed) throw new ObjectDisposedException(GetType().Name);
                return Handle.DangerousGetHandle();
            }
        }

        /// <summary>Frees the object; does nothing the second time.</summary>
        public void Dispose() { Handle.Dispose(); }

        // Asks the object while nobody can destroy it.
        internal T Get<T>(Func<IntPtr, T> get)
        {
            bool held = false;
            try
            {
                Handle.DangerousAddRef(ref held);
                return get(Handle.DangerousGetHandle());
            }
            finally
            {
                if (held) Handle.DangerousRelease();
            }
        }

        internal string Text(Func<IntPtr, IntPtr> get) { return Get(pointer => Native.Text(get(pointer))); }

        // A view of an array inside this object; null for NULL.
        internal NativeArray<T> Array<T>(Func<IntPtr, IntPtr> data, long length) where T : struct
        {
            IntPtr start = Get(data);
            return start == IntPtr.Zero && length > 0 ? null : new NativeArray<T>(Handle, start, length);
        }
    }

    internal sealed class CancelHandle : NativeHandle
    {
        internal override void Destroy() { Low.groma_cancel_destroy(handle); }
    }

    internal sealed class CheckpointHandle : NativeHandle
    {
        internal override void Destroy() { Low.groma_checkpoint_destroy(handle); }
    }

    internal sealed class CloudHandle : NativeHandle
    {
        internal override void Destroy() { Low.groma_cloud_destroy(handle); }
    }

    internal sealed class DevicesHandle : NativeHandle
    {
        internal override void Destroy() { Low.groma_devices_destroy(handle); }
    }

    internal sealed class FeaturesHandle : NativeHandle
    {
        internal override void Destroy() { Low.groma_features_destroy(handle); }
    }

    internal sealed class FilteredHandle : NativeHandle
    {
        internal override void Destroy() { Low.groma_filtered_destroy(handle); }
    }

    internal sealed class FilterSummaryHandle : NativeHandle
    {
        internal override void Destroy() { Low.groma_filter_summary_destroy(handle); }
    }

    internal sealed class GroundHandle : NativeHandle
    {
        internal override void Destroy() { Low.groma_ground_destroy(handle); }
    }

    internal sealed class ModelHandle : NativeHandle
    {
        internal override void Destroy() { Low.groma_model_destroy(handle); }
    }

    internal sealed class NeighborsHandle : NativeHandle
    {
        internal override void Destroy() { Low.groma_neighbors_destroy(handle); }
    }

    internal sealed class NetworkHandle : NativeHandle
    {
        internal override void Destroy() { Low.groma_network_destroy(handle); }
    }

    internal sealed class ResultHandle : NativeHandle
    {
        internal override void Destroy() { Low.groma_result_destroy(handle); }
    }

    internal sealed class StringHandle : NativeHandle
    {
        internal override void Destroy() { Low.groma_string_destroy(handle); }
    }

    internal sealed class RunHandle : NativeHandle
    {
        internal override void Destroy() { Low.groma_run_destroy(handle); }
    }

    internal sealed class SummaryHandle : NativeHandle
    {
        internal override void Destroy() { Low.groma_summary_destroy(handle); }
    }

    internal sealed class ValueHandle : NativeHandle
    {
        internal override void Destroy() { Low.groma_value_destroy(handle); }
    }
}
