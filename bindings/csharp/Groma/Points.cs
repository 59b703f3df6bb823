// Points from arrays of the caller.
using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;

namespace Groma
{
    /// <summary>
    /// Points in arrays: coordinates and attributes, each with a stride of its own, so that columns and arrays of structs both
    /// work without a copy. Arrays are read during calls only. Coordinates are <c>double</c>, rounded once to steps of
    /// <see cref="Resolution"/>, or <c>int</c> as in LAS (position = integer · scale + offset); their unit is the metre unless
    /// the options of a call say otherwise.
    /// </summary>
    public sealed class Points
    {
        private readonly Column x, y, z;
        private readonly List<KeyValuePair<string, Column>> columns = new List<KeyValuePair<string, Column>>();
        private double[] scale, offset;

        private Points(Column x, Column y, Column z)
        {
            if (x.Count != y.Count || x.Count != z.Count) throw new ArgumentException("x, y and z differ in length");
            if (x.Type != y.Type || x.Type != z.Type) throw new ArgumentException("x, y and z differ in type");
            var raw = Raw();
            this.x = x;
            this.y = y;
            this.z = z;
            CoordinateType = x.Type;
            Count = x.Count;
            Resolution = raw.resolution;
            unsafe
            {
                scale = new[] { raw.scale[0], raw.scale[1], raw.scale[2] };
                offset = new[] { raw.offset[0], raw.offset[1], raw.offset[2] };
            }
        }

        /// <summary>Number of points, up to 4,294,967,295.</summary>
        public long Count { get; private set; }

        /// <summary><see cref="ElementType.F64"/> or <see cref="ElementType.I32"/>.</summary>
        public ElementType CoordinateType { get; private set; }

        /// <summary>Steps that <c>double</c> coordinates are rounded to, in their unit. Default 0.001.</summary>
        public double Resolution { get; set; }

        /// <summary>Size of one step along x, y, z of <c>int</c> coordinates, in their unit. Default 0.001.</summary>
        public double[] Scale
        {
            get { return (double[])scale.Clone(); }
            set { scale = Three(value); }
        }

        /// <summary>Position of integer 0 along x, y, z. Default 0.</summary>
        public double[] Offset
        {
            get { return (double[])offset.Clone(); }
            set { offset = Three(value); }
        }

        /// <summary>Names of the attributes.</summary>
        public IList<string> ColumnNames { get { return columns.ConvertAll(column => column.Key); } }

        /// <summary>Points whose coordinates lie in three arrays.</summary>
        public static Points Of(double[] x, double[] y, double[] z) { return Of(Column.Of(x), Column.Of(y), Column.Of(z)); }

        /// <summary>Points whose coordinates lie in three columns, all <c>double</c> or all <c>int</c>.</summary>
        public static Points Of(Column x, Column y, Column z)
        {
            if (x == null || y == null || z == null) throw new ArgumentNullException("x");
            return new Points(x, y, z);
        }

        /// <summary>Points whose coordinates follow each other: x, y, z of the first, x, y, z of the second, …</summary>
        /// <param name="xyz">three numbers a point</param>
        public static Points OfInterleaved(double[] xyz)
        {
            if (xyz == null) throw new ArgumentNullException("xyz");
            if (xyz.LongLength % 3 != 0) throw new ArgumentException("the length is not a multiple of three");
            long n = xyz.LongLength / 3;
            return Of(Column.Strided(xyz, 0, 3, n), Column.Strided(xyz, 1, 3, n), Column.Strided(xyz, 2, 3, n));
        }

        /// <summary>Points with integer coordinates, as in LAS files.</summary>
        /// <param name="x">x in steps</param>
        /// <param name="y">y in steps</param>
        /// <param name="z">z in steps</param>
        /// <param name="scale">size of a step along x, y, z</param>
        /// <param name="offset">position of integer 0 along x, y, z</param>
        public static Points OfIntegers(int[] x, int[] y, int[] z, double[] scale, double[] offset)
        {
            return new Points(Column.Of(x), Column.Of(y), Column.Of(z)) { Scale = scale, Offset = offset };
        }

        /// <summary>Points in an array of structs with fields named as said, all <c>double</c> or all <c>int</c>.</summary>
        public static Points OfStructs<T>(T[] structs, string x, string y, string z) where T : struct
        {
            return Of(Column.Field(structs, x), Column.Field(structs, y), Column.Field(structs, z));
        }

        /// <summary>
        /// Adds an attribute: <c>intensity</c>, <c>return_number</c>, <c>classification</c>, … or a name of your own.
        /// </summary>
        /// <param name="name">the attribute's name</param>
        /// <param name="values">a number for each point</param>
        /// <returns>these points</returns>
        public Points Add(string name, Array values) { return Add(name, Column.Of(values)); }

        /// <summary>Adds an attribute.</summary>
        /// <param name="name">the attribute's name</param>
        /// <param name="values">a number for each point</param>
        /// <returns>these points</returns>
        public Points Add(string name, Column values)
        {
            if (name == null) throw new ArgumentNullException("name");
            if (values.Count != Count) throw new ArgumentException(name + " has " + values.Count + " values for " + Count
                + " points");
            columns.Add(new KeyValuePair<string, Column>(name, values));
            return this;
        }

        // A view that another object of the library gave.
        internal static unsafe Points Of(groma_points_t raw, NativeObject owner)
        {
            var type = (ElementType)raw.coordinate_type;
            long n = (long)raw.count;
            var points = new Points(
                Column.AtPointer(raw.x, type, n, raw.x_stride_bytes, owner),
                Column.AtPointer(raw.y, type, n, raw.y_stride_bytes, owner),
                Column.AtPointer(raw.z, type, n, raw.z_stride_bytes, owner));
            points.Resolution = raw.resolution;
            points.scale = new[] { raw.scale[0], raw.scale[1], raw.scale[2] };
            points.offset = new[] { raw.offset[0], raw.offset[1], raw.offset[2] };
            long address = (long)raw.columns;
            for (ulong i = 0; i < raw.column_count; i++)
            {
                var column = (groma_column_t)Marshal.PtrToStructure((IntPtr)address, typeof(groma_column_t));
                points.Add(Native.Text(column.name), Column.AtPointer(column.data, (ElementType)column.element_type, n,
                    column.stride_bytes, owner));
                address += column.struct_size;
            }
            return points;
        }

        internal unsafe IntPtr Write(Call call)
        {
            var raw = Raw();
            raw.coordinate_type = (int)CoordinateType;
            raw.count = (ulong)Count;
            raw.x = x.Start(call);
            raw.y = y.Start(call);
            raw.z = z.Start(call);
            raw.x_stride_bytes = x.StrideBytes;
            raw.y_stride_bytes = y.StrideBytes;
            raw.z_stride_bytes = z.StrideBytes;
            for (int i = 0; i < 3; i++)
            {
                raw.scale[i] = scale[i];
                raw.offset[i] = offset[i];
            }
            raw.resolution = Resolution;
            raw.column_count = (ulong)columns.Count;
            if (columns.Count > 0)
            {
                int size = Marshal.SizeOf(typeof(groma_column_t));
                raw.columns = call.Memory((long)size * columns.Count);
                for (int i = 0; i < columns.Count; i++)
                {
                    Column column = columns[i].Value;
                    var one = new groma_column_t();
                    one.struct_size = (uint)size;
                    one.element_type = (int)column.Type;
                    one.name = call.Text(columns[i].Key);
                    one.data = column.Start(call);
                    one.stride_bytes = column.StrideBytes;
                    Marshal.StructureToPtr((object)one, (IntPtr)((long)raw.columns + (long)size * i), false);
                }
            }
            return call.Struct(raw);
        }

        private static groma_points_t Raw()
        {
            return Native.Defaults<groma_points_t>((p, n) => Low.groma_points_init(p, n));
        }

        private static double[] Three(double[] value)
        {
            if (value == null || value.Length != 3) throw new ArgumentException("three numbers, for x, y and z");
            return (double[])value.Clone();
        }
    }
}
