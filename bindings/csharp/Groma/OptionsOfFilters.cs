// Options of ground and filters. A new object holds the defaults of the library.
using System;
using System.Threading;

namespace Groma
{
    /// <summary>
    /// What ground is, and what becomes of it. Parameters are those of SMRF with a bound on its slope tolerance.
    /// </summary>
    public sealed class GroundOptions : LongOptions
    {
        private groma_ground_options_t raw = Native.Defaults<groma_ground_options_t>((p, n) => Low.groma_ground_options_init(p,
            n));

        /// <summary>Worker threads; 0 (the default) for one a core. The result does not depend on it.</summary>
        public int Threads { get { return (int)raw.threads; } set { raw.threads = checked((uint)value); } }

        /// <summary>Heights above ground; in files the extra dimension <c>height_above_ground</c>. Default none.</summary>
        public Height Height { get { return (Height)raw.height; } set { raw.height = (int)value; } }

        /// <summary>
        /// Whether points that are not ground keep their class (2 becomes 1). Default no: all become class 1.
        /// </summary>
        public bool KeepOthers { get { return raw.keep_others != 0; } set { raw.keep_others = value ? 1 : 0; } }

        /// <summary>Point format of the output file; -1 (the default) for that of the input.</summary>
        public int PointFormat { get { return raw.point_format; } set { raw.point_format = value; } }

        /// <summary>Whether to replace outputs that exist. Default no.</summary>
        public bool Overwrite { get { return raw.overwrite != 0; } set { raw.overwrite = value ? 1 : 0; } }

        /// <summary>Edge of the filter's cells in metres; 0 (the default) for two mean point spacings, rounded up.</summary>
        public double CellM { get { return raw.cell_m; } set { raw.cell_m = value; } }

        /// <summary>Half-width of the largest opening window in metres. Default 60.</summary>
        public double WindowM { get { return raw.window_m; } set { raw.window_m = value; } }

        /// <summary>Rise over run that still counts as ground. Default 0.15.</summary>
        public double Slope { get { return raw.slope; } set { raw.slope = value; } }

        /// <summary>A drop of more than this is an object on any slope, in metres. Default 3.</summary>
        public double MaxToleranceM { get { return raw.max_tolerance_m; } set { raw.max_tolerance_m = value; } }

        /// <summary>How far above or below the ground a ground point may lie, in metres. Default 0.15.</summary>
        public double ToleranceM { get { return raw.tolerance_m; } set { raw.tolerance_m = value; } }

        /// <summary>What is added to that for a slope of 1, in metres. Default 0.1.</summary>
        public double ToleranceSlope { get { return raw.tolerance_slope; } set { raw.tolerance_slope = value; } }

        /// <summary>
        /// Length of one unit of the coordinates in metres; 0 (the default) for that of the file's CRS, else metres.
        /// </summary>
        public double LinearUnitM { get { return raw.linear_unit_m; } set { raw.linear_unit_m = value; } }

        /// <summary>Classes that the filter does not see; null (the default) for 7 and 18, noise; empty for none.</summary>
        public byte[] IgnoreClasses { get; set; }

        /// <summary>Path of a GeoTIFF of the ground to write beside a file; null (the default) for none.</summary>
        public string Dtm { get; set; }

        /// <summary>Edge of its cells in metres; 0 (the default) for 1.</summary>
        public double DtmCellM { get { return raw.dtm_cell_m; } set { raw.dtm_cell_m = value; } }

        internal static IntPtr Write(GroundOptions options, Call call, CancellationToken token)
        {
            call.Watch(options, token);
            var raw = (options ?? new GroundOptions()).raw;
            if (options != null)
            {
                byte[] ignored = options.IgnoreClasses;
                raw.ignore_classes = ignored == null ? IntPtr.Zero : call.Bytes(ignored); // not NULL when empty
                raw.ignore_class_count = (ulong)(ignored == null ? 0 : ignored.Length);
                raw.dtm = call.Text(options.Dtm);
            }
            raw.cancel = call.CancelPointer;
            raw.progress = call.ProgressPointer;
            return call.Struct(raw);
        }
    }

    /// <summary>How to filter. What another filter than the one asked for would read is ignored.</summary>
    public sealed class FilterOptions : LongOptions
    {
        private groma_filter_options_t raw = Native.Defaults<groma_filter_options_t>((p, n) => Low.groma_filter_options_init(p,
            n));

        /// <summary>Worker threads; 0 (the default) for one a core. The result does not depend on it.</summary>
        public int Threads { get { return (int)raw.threads; } set { raw.threads = checked((uint)value); } }

        /// <summary>Of outliers: the neighbour search. Default <see cref="Groma.Search.Auto"/>.</summary>
        public Search Search { get { return (Search)raw.search; } set { raw.search = (int)value; } }

        /// <summary>Of voxels: the point that stands for each. Default <see cref="Groma.VoxelKeep.Centroid"/>.</summary>
        public VoxelKeep VoxelKeep { get { return (VoxelKeep)raw.voxel_keep; } set { raw.voxel_keep = (int)value; } }

        /// <summary>Of outliers in files: whether all points stay and outliers become class 7. Default no.</summary>
        public bool Mark { get { return raw.mark != 0; } set { raw.mark = value ? 1 : 0; } }

        /// <summary>Whether to replace an output that exists. Default no.</summary>
        public bool Overwrite { get { return raw.overwrite != 0; } set { raw.overwrite = value ? 1 : 0; } }

        /// <summary>
        /// Of outliers: others that a point is compared with (20 by default) or needs (2); 0 for the default.
        /// </summary>
        public long Neighbors { get { return (long)raw.neighbors; } set { raw.neighbors = checked((ulong)value); } }

        /// <summary>Of statistical outliers: standard deviations above the mean that are still usual. Default 2.</summary>
        public double Multiplier { get { return raw.multiplier; } set { raw.multiplier = value; } }

        /// <summary>Of radius outliers: distance within which others count, in metres. Default 1.</summary>
        public double RadiusM { get { return raw.radius_m; } set { raw.radius_m = value; } }

        /// <summary>Edge of a voxel in metres. Default 0.5.</summary>
        public double VoxelSizeM { get { return raw.voxel_size_m; } set { raw.voxel_size_m = value; } }

        /// <summary>Of farthest and random points: how many; 0 (the default) to say <see cref="Fraction"/> instead.</summary>
        public long Count { get { return (long)raw.count; } set { raw.count = checked((ulong)value); } }

        /// <summary>
        /// Of farthest and random points: which share, 0 to 1; 0 (the default) to say <see cref="Count"/> instead.
        /// </summary>
        public double Fraction { get { return raw.fraction; } set { raw.fraction = value; } }

        /// <summary>Of farthest points: row of the first; -1 (the default) for the one farthest from the centroid.</summary>
        public long StartRow { get { return raw.start_row; } set { raw.start_row = value; } }

        /// <summary>Of random points: equal seeds draw equal rows. Default 0.</summary>
        public ulong Seed { get { return raw.seed; } set { raw.seed = value; } }

        /// <summary>
        /// Length of one unit of the coordinates in metres; 0 (the default) for that of the file's CRS, else metres.
        /// </summary>
        public double LinearUnitM { get { return raw.linear_unit_m; } set { raw.linear_unit_m = value; } }

        /// <summary>The device that works: <c>cpu</c>, <c>auto</c>, <c>cuda</c>, <c>cuda:0</c>; null (the default) for <c>cpu</c>.</summary>
        public string Device { get; set; }

        internal static IntPtr Write(FilterOptions options, Call call, CancellationToken token)
        {
            call.Watch(options, token);
            var raw = (options ?? new FilterOptions()).raw;
            raw.device = call.Text(options == null ? null : options.Device);
            raw.cancel = call.CancelPointer;
            raw.progress = call.ProgressPointer;
            return call.Struct(raw);
        }
    }
}
