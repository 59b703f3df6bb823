// LAS, LAZ and COPC files into columns, points into files.
using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;

namespace Groma
{
    /// <summary>Points that were read from a file, in columns.</summary>
    public sealed class Cloud : NativeObject
    {
        private Cloud(CloudHandle handle) : base(handle) { handle.Weigh((12 + 4 * ColumnCount) * Count); }

        /// <summary>Number of points.</summary>
        public long Count { get { return (long)Get(h => Low.groma_cloud_count(h)); } }

        /// <summary>Number of attributes.</summary>
        public long ColumnCount { get { return (long)Get(h => Low.groma_cloud_column_count(h)); } }

        /// <summary>Names of the attributes.</summary>
        public IList<string> ColumnNames
        {
            get
            {
                var names = new string[ColumnCount];
                for (int i = 0; i < names.Length; i++) names[i] = ColumnName(i);
                return names;
            }
        }

        /// <summary>Length of one unit of the file's CRS in metres; 0 where none is known.</summary>
        public double LinearUnitM { get { return Get(h => Low.groma_cloud_linear_unit_m(h)); } }

        /// <summary>The file's CRS as OGC WKT; null where it says none.</summary>
        public string CrsWkt { get { return Text(h => Low.groma_cloud_crs_wkt(h)); } }

        /// <summary>Reads a file.</summary>
        /// <param name="path">a LAS, LAZ or COPC file</param>
        /// <param name="columns">names of attributes separated by commas; empty for none, null for all</param>
        /// <param name="options">null for the defaults</param>
        /// <param name="token">stops the call</param>
        public static Cloud Read(string path, string columns = null, LasOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Run(call => Reading(call, path, columns, options, token));
        }

        private static Func<Cloud> Reading(Call call, string path, string columns, LasOptions options, CancellationToken token)
        {
            IntPtr file = call.Text(path), wanted = call.Text(columns), with = LasOptions.Write(options, call, token);
            return () => new Cloud(call.Make<CloudHandle>((out IntPtr cloud, out IntPtr error) =>
                Low.groma_las_read(file, wanted, with, out cloud, out error)));
        }

        /// <summary>Writes points to a file, which appears whole or not at all.</summary>
        /// <param name="points">the points</param>
        /// <param name="path">the file to write: <c>.las</c> or <c>.laz</c></param>
        /// <param name="options">null for the defaults</param>
        /// <param name="token">stops the call</param>
        public static void Write(Points points, string path, LasOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            Call.Run(call => Writing(call, points, path, options, token));
        }

        private static Func<object> Writing(Call call, Points points, string path, LasOptions options, CancellationToken token)
        {
            if (points == null) throw new ArgumentNullException("points");
            IntPtr of = points.Write(call), file = call.Text(path), with = LasOptions.Write(options, call, token);
            return () =>
            {
                call.Do((out IntPtr error) => Low.groma_las_write(of, file, with, out error));
                return null;
            };
        }

        /// <summary>Header, variable-length records, CRS and dimensions of a file, as a JSON object.</summary>
        /// <param name="path">a LAS, LAZ or COPC file</param>
        public static string Describe(string path)
        {
            using (var call = new Call())
            {
                IntPtr file = call.Text(path);
                return call.String((out IntPtr json, out IntPtr error) => Low.groma_las_describe(file, out json, out error));
            }
        }

        /// <summary>Name of an attribute; null if there is no such one.</summary>
        /// <param name="index">0 to <see cref="ColumnCount"/> - 1</param>
        public string ColumnName(long index) { return Text(h => Low.groma_cloud_column_name(h, unchecked((ulong)index))); }

        /// <summary>
        /// Everything, for the calls that take points: a view without a copy, to be used before this cloud is disposed.
        /// </summary>
        public Points Points()
        {
            using (var call = new Call())
            {
                IntPtr cloud = call.Use(this);
                IntPtr place = call.Struct(Native.Defaults<groma_points_t>((p, n) => Low.groma_points_init(p, n)));
                call.Do((out IntPtr error) => Low.groma_cloud_points(cloud, place, out error));
                return Groma.Points.Of((groma_points_t)Marshal.PtrToStructure(place, typeof(groma_points_t)), this);
            }
        }

        /// <summary>A column as a value, which outlives this cloud, without a copy.</summary>
        /// <param name="column"><c>x</c>, <c>y</c>, <c>z</c> (I32) or an attribute</param>
        public Value Value(string column)
        {
            using (var call = new Call())
            {
                IntPtr cloud = call.Use(this), name = call.Text(column);
                return new Value(call.Make<ValueHandle>((out IntPtr value, out IntPtr error) =>
                    Low.groma_cloud_value(cloud, name, out value, out error)));
            }
        }

        /// <summary><see cref="Read"/> on a thread of the pool.</summary>
        public static Task<Cloud> ReadAsync(string path, string columns = null, LasOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Start(call => Reading(call, path, columns, options, token), token);
        }

        /// <summary><see cref="Write"/> on a thread of the pool; leave the arrays as they are until it has ended.</summary>
        public static Task WriteAsync(Points points, string path, LasOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Start(call => Writing(call, points, path, options, token), token);
        }
    }
}
