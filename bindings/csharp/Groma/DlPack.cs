// Arrays of the caller as DLPack tensors, which say when they are no longer needed.
using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Groma
{
    /// <summary>Hands managed arrays to the library without a copy.</summary>
    internal static unsafe class DlPack
    {
        // A DLManagedTensor, followed by the shape it points to.
        [StructLayout(LayoutKind.Sequential)]
        private struct Managed
        {
            public groma_tensor_t Tensor;
            public IntPtr Context;
            public IntPtr Deleter;
        }

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        private delegate void Deleter(Managed* tensor);

        // Kept for ever: the last value of an array may die on any thread, at any time.
        private static readonly Deleter Delete = Release;
        private static readonly IntPtr DeletePointer = Marshal.GetFunctionPointerForDelegate(Delete);

        private static int held;

        /// <summary>Number of arrays that the library holds at this moment.</summary>
        public static int Held { get { return Volatile.Read(ref held); } }

        public static Value Pin(Array data, ElementType type, long[] shape)
        {
            long count = 1;
            foreach (long size in shape) count = checked(count * size);
            if (count != data.LongLength) throw new ArgumentException("the shape says " + count + " elements, the array has "
                + data.LongLength);
            Interlocked.Increment(ref held);
            GCHandle pin = GCHandle.Alloc(data, GCHandleType.Pinned);
            var managed = (Managed*)Marshal.AllocHGlobal(sizeof(Managed) + sizeof(long) * Math.Max(1, shape.Length));
            try
            {
                var sizes = (long*)(managed + 1);
                for (int i = 0; i < shape.Length; i++) sizes[i] = shape[i];
                *managed = new Managed();
                managed->Tensor.data = pin.AddrOfPinnedObject();
                managed->Tensor.device.device_type = Low.GROMA_DEVICE_CPU;
                managed->Tensor.ndim = shape.Length;
                managed->Tensor.dtype.code = Code(type);
                managed->Tensor.dtype.bits = (byte)(8 * Elements.Size(type));
                managed->Tensor.dtype.lanes = 1;
                managed->Tensor.shape = (IntPtr)sizes;
                managed->Context = GCHandle.ToIntPtr(pin);
                managed->Deleter = DeletePointer;
                return Value.FromDlPack((IntPtr)managed);
            }
            catch
            {
                Release(managed); // only what was taken over is released by the library
                throw;
            }
        }

        private static byte Code(ElementType type)
        {
            if (type == ElementType.F32 || type == ElementType.F64) return Low.GROMA_DTYPE_FLOAT;
            bool signed = type == ElementType.I8 || type == ElementType.I16 || type == ElementType.I32 || type == ElementType.I64;
            return signed ? (byte)Low.GROMA_DTYPE_INT : (byte)Low.GROMA_DTYPE_UINT;
        }

        private static void Release(Managed* tensor)
        {
            GCHandle.FromIntPtr(tensor->Context).Free();
            Marshal.FreeHGlobal((IntPtr)tensor);
            Interlocked.Decrement(ref held);
        }
    }
}
