// One array of the caller, wherever its elements lie.
using System;
using System.Runtime.InteropServices;

namespace Groma
{
    /// <summary>
    /// A number for each point: an array, a field of an array of structs, or memory of another owner. It is not copied; the
    /// array is pinned during calls, and may change between them.
    /// </summary>
    public sealed class Column
    {
        private readonly Array array;
        private readonly object owner;
        private readonly IntPtr pointer;
        private readonly long offset;

        private Column(Array array, object owner, IntPtr pointer, ElementType type, long count, long offset, long stride)
        {
            this.array = array;
            this.owner = owner;
            this.pointer = pointer;
            this.offset = offset;
            Type = type;
            Count = count;
            StrideBytes = stride;
        }

        /// <summary>Type of the elements, one of the first ten.</summary>
        public ElementType Type { get; private set; }

        /// <summary>Number of elements.</summary>
        public long Count { get; private set; }

        /// <summary>Bytes from one element to the next; 0 if they follow each other without gaps.</summary>
        public long StrideBytes { get; private set; }

        /// <summary>All elements of an array of <c>byte</c>, <c>sbyte</c>, … <c>double</c>.</summary>
        /// <param name="array">one-dimensional, or of more dimensions in row-major order</param>
        public static Column Of(Array array)
        {
            if (array == null) throw new ArgumentNullException("array");
            return new Column(array, null, IntPtr.Zero, Elements.TypeOf(array), array.LongLength, 0, 0);
        }

        /// <summary>Every so-manieth element of an array of numbers.</summary>
        /// <param name="array">the array</param>
        /// <param name="first">index of the first element</param>
        /// <param name="step">elements from one to the next; may be negative</param>
        /// <param name="count">number of elements</param>
        public static Column Strided(Array array, long first, long step, long count)
        {
            ElementType type = Elements.TypeOf(array);
            long size = Elements.Size(type);
            return Within(array, type, checked(first * size), checked(step * size), count);
        }

        /// <summary>A field of an array of structs that hold numbers only.</summary>
        /// <param name="structs">the array</param>
        /// <param name="field">name of a field of a numeric type</param>
        public static Column Field<T>(T[] structs, string field) where T : struct
        {
            if (structs == null) throw new ArgumentNullException("structs");
            var found = typeof(T).GetField(field);
            if (found == null) throw new ArgumentException(typeof(T).Name + " has no public field " + field);
            ElementType type = Elements.TypeOf(found.FieldType);
            return Within(structs, type, (long)Marshal.OffsetOf(typeof(T), field), Marshal.SizeOf(typeof(T)), structs.LongLength);
        }

        /// <summary>
        /// Memory that stays where it is and holds what is said here while <paramref name="owner"/> is reachable.
        /// </summary>
        /// <param name="first">address of the first element</param>
        /// <param name="type">type of the elements</param>
        /// <param name="count">number of elements</param>
        /// <param name="strideBytes">bytes from one to the next; 0 for no gaps</param>
        /// <param name="owner">
        /// kept from being collected; a <see cref="NativeObject"/> is kept from being destroyed in calls too
        /// </param>
        public static Column AtPointer(IntPtr first, ElementType type, long count, long strideBytes, object owner)
        {
            if (count < 0) throw new ArgumentOutOfRangeException("count");
            return new Column(null, owner, first, type, count, 0, strideBytes);
        }

        /// <summary>The elements of a tensor.</summary>
        /// <param name="value">
        /// a tensor of one dimension, which must not be disposed before the calls that use the column
        /// </param>
        public static Column Of(Value value)
        {
            if (value == null) throw new ArgumentNullException("value");
            if (value.Kind != Kind.Tensor) throw new ArgumentException("a value that is no tensor cannot be a column");
            return AtPointer(value.DataPointer, value.ElementType, value.Count, 0, value);
        }

        /// <summary>A view of an array of the library.</summary>
        /// <param name="array">the view, whose object must not be disposed before the calls that use the column</param>
        public static Column Of<T>(NativeArray<T> array) where T : struct
        {
            if (array == null) throw new ArgumentNullException("array");
            return AtPointer(array.DangerousPointer, Elements.TypeOf(typeof(T)), array.Length, 0, array.Owner);
        }

        private static Column Within(Array array, ElementType type, long offset, long stride, long count)
        {
            if (count < 0) throw new ArgumentOutOfRangeException("count");
            long size = Elements.Size(type), bytes = checked(array.LongLength * Elements.Width(array));
            long last = count == 0 ? offset : checked(offset + (count - 1) * stride);
            if (count > 0 && (Math.Min(offset, last) < 0 || Math.Max(offset, last) > bytes - size))
                throw new ArgumentException("the column reaches beyond its array");
            return new Column(array, null, IntPtr.Zero, type, count, offset, stride == size ? 0 : stride);
        }

        /// <summary>Address of the first element during a call.</summary>
        internal IntPtr Start(Call call)
        {
            if (array != null) return (IntPtr)((long)call.Pin(array) + offset);
            var native = owner as NativeObject;
            if (native != null) call.Use(native);
            var handle = owner as SafeHandle;
            if (handle != null) call.Use(handle);
            call.Keep(owner);
            return pointer;
        }
    }

    /// <summary>Types of elements and their sizes.</summary>
    public static class Elements
    {
        /// <summary>The element type of an array of numbers.</summary>
        public static ElementType TypeOf(Array array)
        {
            if (array == null) throw new ArgumentNullException("array");
            return TypeOf(array.GetType().GetElementType());
        }

        /// <summary>The element type that stands for a numeric type.</summary>
        public static ElementType TypeOf(Type type)
        {
            if (type == typeof(byte)) return ElementType.U8;
            if (type == typeof(sbyte)) return ElementType.I8;
            if (type == typeof(ushort)) return ElementType.U16;
            if (type == typeof(short)) return ElementType.I16;
            if (type == typeof(uint)) return ElementType.U32;
            if (type == typeof(int)) return ElementType.I32;
            if (type == typeof(ulong)) return ElementType.U64;
            if (type == typeof(long)) return ElementType.I64;
            if (type == typeof(float)) return ElementType.F32;
            if (type == typeof(double)) return ElementType.F64;
            throw new ArgumentException(type + " is not a numeric type that arrays may have");
        }

        /// <summary>Bytes of one element; 0 for strings and for packed types, of which several share a byte.</summary>
        public static int Size(ElementType type)
        {
            switch (type)
            {
                case ElementType.U16:
                case ElementType.I16:
                case ElementType.F16:
                case ElementType.BF16:
                    return 2;
                case ElementType.U32:
                case ElementType.I32:
                case ElementType.F32:
                    return 4;
                case ElementType.U64:
                case ElementType.I64:
                case ElementType.F64:
                case ElementType.C64:
                    return 8;
                case ElementType.C128:
                    return 16;
                case ElementType.None:
                case ElementType.String:
                case ElementType.F4E2M1:
                case ElementType.U4:
                case ElementType.I4:
                case ElementType.U2:
                case ElementType.I2:
                    return 0;
                default:
                    return 1;
            }
        }

        // Bytes from one element of a managed array to the next.
        internal static int Width(Array array) { return Marshal.SizeOf(array.GetType().GetElementType()); }
    }
}
