// Ground and filters, of points in memory and of files.
using System;
using System.Threading;
using System.Threading.Tasks;

namespace Groma
{
    /// <summary>The ground of points in memory.</summary>
    public sealed class Ground : NativeObject
    {
        private Ground(GroundHandle handle) : base(handle) { handle.Weigh(5 * Count); }

        /// <summary>Number of points.</summary>
        public long Count { get { return (long)Get(h => Low.groma_ground_count(h)); } }

        /// <summary>Number of ground points.</summary>
        public long Found { get { return (long)Get(h => Low.groma_ground_found(h)); } }

        /// <summary>
        /// Points outside the triangles of <see cref="Height.Tin"/>, measured from the nearest ground point.
        /// </summary>
        public long OutsideHull { get { return (long)Get(h => Low.groma_ground_outside_hull(h)); } }

        /// <summary>The new class of each point, 2 for ground: <c>[count]</c>.</summary>
        public NativeArray<byte> Classes { get { return Array<byte>(h => Low.groma_ground_classes(h), Count); } }

        /// <summary>The height of each point above the ground in metres: <c>[count]</c>; null if not asked for.</summary>
        public NativeArray<float> Heights { get { return Array<float>(h => Low.groma_ground_heights(h), Count); } }

        /// <summary>Finds the ground of points in memory.</summary>
        /// <param name="points">the points; of their attributes only <c>classification</c> is read</param>
        /// <param name="options">null for the defaults; what concerns files is ignored</param>
        /// <param name="token">stops the call</param>
        public static Ground Of(Points points, GroundOptions options = null, CancellationToken token = default(CancellationToken))
        {
            return Call.Run(call => Finding(call, points, options, token));
        }

        private static Func<Ground> Finding(Call call, Points points, GroundOptions options, CancellationToken token)
        {
            if (points == null) throw new ArgumentNullException("points");
            IntPtr of = points.Write(call), with = GroundOptions.Write(options, call, token);
            return () => new Ground(call.Make<GroundHandle>((out IntPtr ground, out IntPtr error) =>
                Low.groma_ground_points(of, with, out ground, out error)));
        }

        /// <summary>
        /// Finds the ground of a LAS, LAZ or COPC file. The output holds the same points, ground as class 2.
        /// </summary>
        /// <param name="input">the file to read</param>
        /// <param name="output">the file to write: <c>.las</c> or <c>.laz</c></param>
        /// <param name="options">null for the defaults</param>
        /// <param name="token">stops the call</param>
        public static Summary OfFile(string input, string output, GroundOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Run(call => FileFinding(call, input, output, options, token));
        }

        private static Func<Summary> FileFinding(Call call, string input, string output, GroundOptions options,
            CancellationToken token)
        {
            IntPtr from = call.Text(input), to = call.Text(output), with = GroundOptions.Write(options, call, token);
            return () => new Summary(call.Make<SummaryHandle>((out IntPtr summary, out IntPtr error) =>
                Low.groma_ground_file(from, to, with, out summary, out error)));
        }

        /// <summary><see cref="Of"/> on a thread of the pool; leave the arrays as they are until it has ended.</summary>
        public static Task<Ground> OfAsync(Points points, GroundOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Start(call => Finding(call, points, options, token), token);
        }

        /// <summary><see cref="OfFile"/> on a thread of the pool.</summary>
        public static Task<Summary> OfFileAsync(string input, string output, GroundOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Start(call => FileFinding(call, input, output, options, token), token);
        }
    }

    /// <summary>The points that a filter has chosen.</summary>
    public sealed class Filtered : NativeObject
    {
        private readonly long points;

        private Filtered(FilteredHandle handle, long points) : base(handle)
        {
            this.points = points;
            handle.Weigh(points + (Positions == null ? 4 : 28) * Count);
        }

        /// <summary>Number of points that were chosen.</summary>
        public long Count { get { return (long)Get(h => Low.groma_filtered_count(h)); } }

        /// <summary>Their rows: ascending; of <see cref="Filter.Farthest"/> in the order in which they were taken.</summary>
        public NativeArray<uint> Rows { get { return Array<uint>(h => Low.groma_filtered_rows(h), Count); } }

        /// <summary>For each of the points that were filtered, 1 if it was chosen and 0 if not.</summary>
        public NativeArray<byte> Mask { get { return Array<byte>(h => Low.groma_filtered_mask(h), points); } }

        /// <summary>New positions, x, y, z of one after the other; null if the points stay where they are.</summary>
        public NativeArray<double> Positions { get { return Array<double>(h => Low.groma_filtered_positions(h), 3 * Count); } }

        /// <summary>
        /// The mean distance in metres above which <see cref="Filter.Statistical"/> has left points out; else 0.
        /// </summary>
        public double ThresholdM { get { return Get(h => Low.groma_filtered_threshold_m(h)); } }

        /// <summary>Filters points in memory.</summary>
        /// <param name="points">the points; attributes are not read</param>
        /// <param name="filter">which points stay</param>
        /// <param name="options">null for the defaults; what concerns files is ignored</param>
        /// <param name="token">stops the call</param>
        public static Filtered Of(Points points, Filter filter, FilterOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Run(call => Filtering(call, points, filter, options, token));
        }

        private static Func<Filtered> Filtering(Call call, Points points, Filter filter, FilterOptions options,
            CancellationToken token)
        {
            if (points == null) throw new ArgumentNullException("points");
            IntPtr of = points.Write(call), with = FilterOptions.Write(options, call, token);
            return () => new Filtered(call.Make<FilteredHandle>((out IntPtr filtered, out IntPtr error) =>
                Low.groma_filter_points(of, (int)filter, with, out filtered, out error)), points.Count);
        }

        /// <summary>Filters a LAS, LAZ or COPC file into another, which appears whole or not at all.</summary>
        /// <param name="input">the file to read</param>
        /// <param name="output">the file to write: <c>.las</c> or <c>.laz</c></param>
        /// <param name="filter">which points stay</param>
        /// <param name="options">null for the defaults</param>
        /// <param name="token">stops the call</param>
        public static FilterSummary OfFile(string input, string output, Filter filter, FilterOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Run(call => FileFiltering(call, input, output, filter, options, token));
        }

        private static Func<FilterSummary> FileFiltering(Call call, string input, string output, Filter filter,
            FilterOptions options, CancellationToken token)
        {
            IntPtr from = call.Text(input), to = call.Text(output), with = FilterOptions.Write(options, call, token);
            return () => new FilterSummary(call.Make<FilterSummaryHandle>((out IntPtr summary, out IntPtr error) =>
                Low.groma_filter_file(from, to, (int)filter, with, out summary, out error)));
        }

        /// <summary><see cref="Of"/> on a thread of the pool; leave the arrays as they are until it has ended.</summary>
        public static Task<Filtered> OfAsync(Points points, Filter filter, FilterOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Start(call => Filtering(call, points, filter, options, token), token);
        }

        /// <summary><see cref="OfFile"/> on a thread of the pool.</summary>
        public static Task<FilterSummary> OfFileAsync(string input, string output, Filter filter, FilterOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Start(call => FileFiltering(call, input, output, filter, options, token), token);
        }
    }

    /// <summary>What <see cref="Filtered.OfFile"/> did.</summary>
    public sealed class FilterSummary : NativeObject
    {
        internal FilterSummary(FilterSummaryHandle handle) : base(handle) { }

        /// <summary>Number of points read.</summary>
        public long Points { get { return (long)Get(h => Low.groma_filter_summary_points(h)); } }

        /// <summary>Number of points written.</summary>
        public long Written { get { return (long)Get(h => Low.groma_filter_summary_written(h)); } }

        /// <summary>Number of points that were marked as noise.</summary>
        public long Marked { get { return (long)Get(h => Low.groma_filter_summary_marked(h)); } }

        /// <summary>Everything, as a JSON object.</summary>
        public string Json { get { return Text(h => Low.groma_filter_summary_json(h)); } }
    }
}
