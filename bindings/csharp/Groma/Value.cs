// Values: what networks take and give.
using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;

namespace Groma
{
    /// <summary>
    /// A tensor, tensor of strings, sequence, map, or an optional without a value. Immutable, to be shared between threads, and
    /// independent of the object it came from.
    /// </summary>
    public sealed class Value : NativeObject
    {
        internal Value(ValueHandle handle) : base(handle) { handle.Weigh(SizeBytes); }

        /// <summary>What this is.</summary>
        public Kind Kind { get { return (Kind)Get(h => Low.groma_value_kind(h)); } }

        /// <summary>Type of a tensor's elements; none of other kinds.</summary>
        public ElementType ElementType { get { return (ElementType)Get(h => Low.groma_value_element_type(h)); } }

        /// <summary>Elements of a tensor, items of a sequence, pairs of a map.</summary>
        public long Count { get { return (long)Get(h => Low.groma_value_count(h)); } }

        /// <summary>Sizes of a tensor's dimensions; empty of scalars and of other kinds.</summary>
        public long[] Shape
        {
            get
            {
                return Get(h =>
                {
                    var shape = new long[(int)Low.groma_value_ndim(h)];
                    if (shape.Length > 0) Marshal.Copy(Low.groma_value_shape(h), shape, 0, shape.Length);
                    return shape;
                });
            }
        }

        /// <summary>Bytes of a tensor's data; 0 of strings and of other kinds.</summary>
        public long SizeBytes { get { return (long)Get(h => Low.groma_value_size_bytes(h)); } }

        /// <summary>
        /// Address of a tensor's data, row-major; zero for strings. Valid until <see cref="NativeObject.Dispose"/>.
        /// </summary>
        public IntPtr DataPointer { get { return Get(h => Low.groma_value_data(h)); } }

        /// <summary>A tensor of a copy of numbers.</summary>
        /// <param name="data">the elements, row-major: <c>byte</c>, … <c>double</c></param>
        /// <param name="shape">sizes of the dimensions; none for one dimension of all elements</param>
        public static Value Of(Array data, params long[] shape) { return Of(data, Elements.TypeOf(data), Usual(data, shape)); }

        /// <summary>A tensor of a copy of bytes that are elements of any type but strings.</summary>
        /// <param name="data">an array of numbers whose bytes are the elements, row-major</param>
        /// <param name="type">what they are</param>
        /// <param name="shape">sizes of the dimensions</param>
        public static Value Of(Array data, ElementType type, long[] shape)
        {
            using (var call = new Call())
            {
                IntPtr bytes = call.Pin(data), sizes = call.Pin(shape);
                ulong size = (ulong)Bytes(data), ndim = (ulong)shape.Length;
                return new Value(call.Make<ValueHandle>((out IntPtr value, out IntPtr error) =>
                    Low.groma_value_copy_tensor((int)type, sizes, ndim, bytes, size, out value, out error)));
            }
        }

        /// <summary>
        /// A tensor over an array that stays pinned, without a copy, until the last value that uses it is destroyed. Do not
        /// change the array before.
        /// </summary>
        /// <param name="data">the elements, row-major</param>
        /// <param name="shape">sizes of the dimensions; none for one dimension of all elements</param>
        public static Value Pin(Array data, params long[] shape) { return DlPack.Pin(data, Elements.TypeOf(data), Usual(data,
            shape)); }

        /// <summary>
        /// A tensor over memory that stays unchanged until this value, and every value made of it, is destroyed.
        /// </summary>
        /// <param name="type">any type but strings</param>
        /// <param name="shape">sizes of the dimensions</param>
        /// <param name="data">address of the first element</param>
        /// <param name="sizeBytes">bytes there</param>
        public static Value AtPointer(ElementType type, long[] shape, IntPtr data, long sizeBytes)
        {
            using (var call = new Call())
            {
                IntPtr sizes = call.Pin(shape);
                ulong size = checked((ulong)sizeBytes), ndim = (ulong)shape.Length;
                return new Value(call.Make<ValueHandle>((out IntPtr value, out IntPtr error) =>
                    Low.groma_value_borrow_tensor((int)type, sizes, ndim, data, size, out value, out error)));
            }
        }

        /// <summary>A tensor of strings, which may hold NULs.</summary>
        /// <param name="strings">the elements, row-major</param>
        /// <param name="shape">sizes of the dimensions; none for one dimension of all elements</param>
        public static Value OfStrings(IList<string> strings, params long[] shape)
        {
            if (shape == null || shape.Length == 0) shape = new long[] { strings.Count };
            using (var call = new Call())
            {
                var pointers = new IntPtr[strings.Count];
                var lengths = new ulong[strings.Count];
                for (int i = 0; i < pointers.Length; i++)
                {
                    byte[] utf8 = Encoding.UTF8.GetBytes(strings[i]);
                    pointers[i] = call.Bytes(utf8);
                    lengths[i] = (ulong)utf8.Length;
                }
                IntPtr texts = call.Pin(pointers), sizes = call.Pin(lengths), dimensions = call.Pin(shape);
                ulong ndim = (ulong)shape.Length;
                return new Value(call.Make<ValueHandle>((out IntPtr value, out IntPtr error) =>
                    Low.groma_value_create_strings(texts, sizes, dimensions, ndim, out value, out error)));
            }
        }

        /// <summary>A sequence of values, which may be disposed afterwards.</summary>
        public static Value Sequence(IList<Value> items)
        {
            using (var call = new Call())
            {
                IntPtr handles = call.Handles(items);
                ulong count = (ulong)items.Count;
                return new Value(call.Make<ValueHandle>((out IntPtr value, out IntPtr error) =>
                    Low.groma_value_create_sequence(handles, count, out value, out error)));
            }
        }

        /// <summary>An optional without a value.</summary>
        public static Value None()
        {
            using (var call = new Call())
                return new Value(call.Make<ValueHandle>((out IntPtr value, out IntPtr error) =>
                    Low.groma_value_create_none(out value, out error)));
        }

        /// <summary>Takes a DLPack tensor over, without a copy.</summary>
        /// <param name="managedTensor">
        /// address of a <c>DLManagedTensor</c>; no longer the caller's, unless this throws
        /// </param>
        public static Value FromDlPack(IntPtr managedTensor)
        {
            using (var call = new Call())
                return new Value(call.Make<ValueHandle>((out IntPtr value, out IntPtr error) =>
                    Low.groma_value_from_dlpack(managedTensor, out value, out error)));
        }

        /// <summary>
        /// Gives the tensor out as a <c>DLManagedTensor</c>, without a copy; whoever gets it calls its deleter.
        /// </summary>
        public unsafe IntPtr ToDlPack()
        {
            using (var call = new Call())
            {
                IntPtr value = call.Use(this), place = call.Memory(IntPtr.Size);
                call.Do((out IntPtr error) => Low.groma_value_to_dlpack(value, place, out error));
                return *(IntPtr*)place;
            }
        }

        /// <summary>
        /// The elements as a view, without a copy. 16-bit floats are <c>ushort</c>, booleans and smaller types <c>byte</c>.
        /// </summary>
        /// <typeparam name="T">a numeric type of the elements' size, or <c>byte</c> for all bytes</typeparam>
        public NativeArray<T> View<T>() where T : struct
        {
            ElementType type = ElementType, asked = Elements.TypeOf(typeof(T));
            int size = Elements.Size(type), width = Elements.Size(asked);
            bool numeric = type >= ElementType.U8 && type <= ElementType.F64;
            if (Kind != Kind.Tensor || type == ElementType.String || (width != 1 && (numeric ? type != asked : size != width)))
                throw new InvalidOperationException("a " + Kind + " of " + type + " cannot be seen as " + typeof(T));
            return Array<T>(h => Low.groma_value_data(h), SizeBytes / width);
        }

        /// <summary>A managed copy of the elements; see <see cref="View{T}"/>.</summary>
        public T[] ToArray<T>() where T : struct { return View<T>().ToArray(); }

        /// <summary>One string of a tensor of strings; null if there is no such one.</summary>
        /// <param name="index">0 to <see cref="Count"/> - 1, row-major</param>
        public string String(long index)
        {
            return Get(h => Element(h, checked((ulong)index)));
        }

        /// <summary>All strings of a tensor of strings, row-major.</summary>
        public string[] ToStrings()
        {
            if (ElementType != ElementType.String) throw new InvalidOperationException("not a tensor of strings");
            var strings = new string[Count];
            for (long i = 0; i < strings.LongLength; i++) strings[i] = String(i);
            return strings;
        }

        /// <summary>An item of a sequence; of a map, 0 is its keys and 1 its values.</summary>
        /// <param name="index">0 to <see cref="Count"/> - 1</param>
        public Value Item(long index)
        {
            using (var call = new Call())
            {
                IntPtr value = call.Use(this);
                ulong place = unchecked((ulong)index);
                return new Value(call.Make<ValueHandle>((out IntPtr item, out IntPtr error) => Low.groma_value_item(value, place,
                    out item, out error)));
            }
        }

        /// <summary>The tensor as a DLPack view, for calls that take one; valid until this value is disposed.</summary>
        public groma_tensor_t Tensor()
        {
            using (var call = new Call())
            {
                IntPtr value = call.Use(this);
                return call.Tensor(tensor => (out IntPtr error) => Low.groma_value_tensor(value, tensor, out error));
            }
        }

        private static unsafe string Element(IntPtr value, ulong index)
        {
            ulong length = 0;
            IntPtr text = Low.groma_value_string(value, index, (IntPtr)(&length));
            return text == IntPtr.Zero ? null : Native.Text(text, (long)length);
        }

        private static long[] Usual(Array data, long[] shape)
        {
            return shape == null || shape.Length == 0 ? new[] { data.LongLength } : shape;
        }

        private static long Bytes(Array data)
        {
            Elements.TypeOf(data); // refuses what is not numeric
            return checked(data.LongLength * Elements.Width(data));
        }
    }
}
