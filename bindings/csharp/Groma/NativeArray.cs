// Views of arrays that lie inside objects of the library.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Runtime.InteropServices;

namespace Groma
{
    /// <summary>
    /// A read-only view of an array inside an object of the library, without a copy. It keeps that object from being
    /// collected. After the object was disposed, members throw <see cref="ObjectDisposedException"/>; do not dispose it on one
    /// thread while another reads single elements or a <see cref="Span"/>.
    /// </summary>
    /// <typeparam name="T">the type of the elements: a number</typeparam>
    public sealed unsafe class NativeArray<T> : IReadOnlyList<T> where T : struct
    {
        private static readonly int Size = Marshal.SizeOf(typeof(T));
        private readonly SafeHandle owner;
        private readonly byte* start;

        internal SafeHandle Owner { get { return owner; } }

        internal NativeArray(SafeHandle owner, IntPtr start, long length)
        {
            this.owner = owner;
            this.start = (byte*)start;
            Length = length;
        }

        /// <summary>Number of elements.</summary>
        public long Length { get; private set; }

        int IReadOnlyCollection<T>.Count { get { return checked((int)Length); } }

        T IReadOnlyList<T>.this[int index] { get { return this[index]; } }

        /// <summary>One element.</summary>
        /// <param name="index">0 to <see cref="Length"/> - 1</param>
        public T this[long index]
        {
            get
            {
                if ((ulong)index >= (ulong)Length) throw new ArgumentOutOfRangeException("index");
                Check();
                T value = new ReadOnlySpan<T>(start + index * Size, 1)[0];
                GC.KeepAlive(owner);
                return value;
            }
        }

        /// <summary>
        /// All elements as a span, up to 2,147,483,647 of them. It does not keep the object alive and is not checked: use it
        /// before the object is disposed, and keep a reference to this view.
        /// </summary>
        public ReadOnlySpan<T> Span
        {
            get
            {
                Check();
                return new ReadOnlySpan<T>(start, checked((int)Length));
            }
        }

        /// <summary>Address of the first element, under the same conditions as <see cref="Span"/>.</summary>
        public IntPtr DangerousPointer
        {
            get { Check(); return (IntPtr)start; }
        }

        /// <summary>A part of the view.</summary>
        /// <param name="first">index of its first element</param>
        /// <param name="count">number of its elements</param>
        public NativeArray<T> Slice(long first, long count)
        {
            if (first < 0 || count < 0 || first > Length - count) throw new ArgumentOutOfRangeException("first");
            return new NativeArray<T>(owner, (IntPtr)(start + first * Size), count);
        }

        /// <summary>Copies all elements. The object cannot be destroyed meanwhile.</summary>
        /// <param name="target">where to</param>
        /// <param name="index">index in <paramref name="target"/> of the first one</param>
        public void CopyTo(T[] target, int index)
        {
            if (target == null) throw new ArgumentNullException("target");
            if (index < 0 || Length > target.LongLength - index) throw new ArgumentException("the target is too short");
            bool held = false;
            try
            {
                owner.DangerousAddRef(ref held);
                new ReadOnlySpan<T>(start, (int)Length).CopyTo(new Span<T>(target, index, (int)Length));
            }
            finally
            {
                if (held) owner.DangerousRelease();
            }
        }

        /// <summary>A managed copy.</summary>
        public T[] ToArray()
        {
            var copy = new T[Length];
            CopyTo(copy, 0);
            return copy;
        }

        /// <summary>Goes through the elements, checking at each that the object is there.</summary>
        public IEnumerator<T> GetEnumerator()
        {
            for (long i = 0; i < Length; i++) yield return this[i];
        }

        IEnumerator IEnumerable.GetEnumerator() { return GetEnumerator(); }

        private void Check()
        {
            if (owner.IsClosed) throw new ObjectDisposedException(owner.GetType().Name.Replace("Handle", ""));
        }
    }
}
