// Options of classification, features, neighbours and LAS files. A new object holds the defaults of the library.
using System;
using System.Threading;

namespace Groma
{
    /// <summary>How to classify.</summary>
    public sealed class ClassifyOptions : LongOptions
    {
        private groma_classify_options_t raw = Native.Defaults<groma_classify_options_t>((p, n) =>
            Low.groma_classify_options_init(p, n));

        /// <summary>Worker threads; 0 (the default) for one a core. The result does not depend on it.</summary>
        public int Threads { get { return (int)raw.threads; } set { raw.threads = checked((uint)value); } }

        /// <summary>The neighbour search. Default <see cref="Groma.Search.Auto"/>.</summary>
        public Search Search { get { return (Search)raw.search; } set { raw.search = (int)value; } }

        /// <summary>
        /// Whether to give all probabilities too: in results, and as one extra dimension a class in files. Default no.
        /// </summary>
        public bool Probabilities { get { return raw.probabilities != 0; } set { raw.probabilities = value ? 1 : 0; } }

        /// <summary>Whether files get the extra dimension <c>confidence</c> (one byte, 0…255 for 0…1). Default yes.</summary>
        public bool WriteConfidence { get { return raw.write_confidence != 0; } set { raw.write_confidence = value ? 1 : 0; } }

        /// <summary>Whether files get the extra dimension <c>entropy</c> (float, nats). Default yes.</summary>
        public bool WriteEntropy { get { return raw.write_entropy != 0; } set { raw.write_entropy = value ? 1 : 0; } }

        /// <summary>Point format of the output file; -1 (the default) for that of the input.</summary>
        public int PointFormat { get { return raw.point_format; } set { raw.point_format = value; } }

        /// <summary>Whether to replace an output that exists. Default no.</summary>
        public bool Overwrite { get { return raw.overwrite != 0; } set { raw.overwrite = value ? 1 : 0; } }

        /// <summary>Edge length of a block in metres; 0 (the default) for that of the manifest.</summary>
        public double BlockSizeM { get { return raw.block_size_m; } set { raw.block_size_m = value; } }

        /// <summary>
        /// Length of one unit of the coordinates in metres; 0 (the default) for that of the file's CRS, else metres.
        /// </summary>
        public double LinearUnitM { get { return raw.linear_unit_m; } set { raw.linear_unit_m = value; } }

        /// <summary>ASPRS classes that keep their label (noise, say); null (the default) for none.</summary>
        public byte[] KeepClasses { get; set; }

        /// <summary>
        /// Path of a terrain model for models whose features say <c>ground: dtm</c>; null (the default) for none.
        /// </summary>
        public string Dtm { get; set; }

        internal static IntPtr Write(ClassifyOptions options, Call call, CancellationToken token)
        {
            call.Watch(options, token);
            var raw = (options ?? new ClassifyOptions()).raw;
            if (options != null)
            {
                raw.keep_classes = call.Pin(options.KeepClasses);
                raw.keep_class_count = (ulong)(options.KeepClasses == null ? 0 : options.KeepClasses.Length);
                raw.dtm = call.Text(options.Dtm);
            }
            raw.cancel = call.CancelPointer;
            raw.progress = call.ProgressPointer;
            return call.Struct(raw);
        }
    }

    /// <summary>How to compute features.</summary>
    public sealed class FeaturesOptions : LongOptions
    {
        private groma_features_options_t raw = Native.Defaults<groma_features_options_t>((p, n) =>
            Low.groma_features_options_init(p, n));

        /// <summary>Worker threads; 0 (the default) for one a core. The result does not depend on it.</summary>
        public int Threads { get { return (int)raw.threads; } set { raw.threads = checked((uint)value); } }

        /// <summary>The neighbour search. Default <see cref="Groma.Search.Auto"/>.</summary>
        public Search Search { get { return (Search)raw.search; } set { raw.search = (int)value; } }

        /// <summary>
        /// Edge length in metres of the blocks that bound the memory; 0 (the default) for all points at once.
        /// </summary>
        public double BlockSizeM { get { return raw.block_size_m; } set { raw.block_size_m = value; } }

        /// <summary>Length of one unit of the coordinates in metres; 0 (the default) for metres.</summary>
        public double LinearUnitM { get { return raw.linear_unit_m; } set { raw.linear_unit_m = value; } }

        /// <summary>Path of a terrain model for schemas that say <c>ground: dtm</c>; null (the default) for none.</summary>
        public string Dtm { get; set; }

        /// <summary>The devices that compute: <c>cpu</c>, <c>auto</c>, <c>cuda</c>, <c>cuda:0,2</c>, <c>all</c>; null (the default) for <c>cpu</c>.</summary>
        public string Device { get; set; }

        internal static IntPtr Write(FeaturesOptions options, Call call, CancellationToken token)
        {
            call.Watch(options, token);
            var raw = (options ?? new FeaturesOptions()).raw;
            raw.dtm = call.Text(options == null ? null : options.Dtm);
            raw.device = call.Text(options == null ? null : options.Device);
            raw.cancel = call.CancelPointer;
            raw.progress = call.ProgressPointer;
            return call.Struct(raw);
        }
    }

    /// <summary>How to write features of a file.</summary>
    public sealed class FeaturesFileOptions : LongOptions
    {
        private groma_features_file_options_t raw = Native.Defaults<groma_features_file_options_t>((p, n) =>
            Low.groma_features_file_options_init(p, n));

        /// <summary>Worker threads; 0 (the default) for one a core. The result does not depend on it.</summary>
        public int Threads { get { return (int)raw.threads; } set { raw.threads = checked((uint)value); } }

        /// <summary>The neighbour search. Default <see cref="Groma.Search.Auto"/>.</summary>
        public Search Search { get { return (Search)raw.search; } set { raw.search = (int)value; } }

        /// <summary>Point format of the output file; -1 (the default) for that of the input. LAS and LAZ only.</summary>
        public int PointFormat { get { return raw.point_format; } set { raw.point_format = value; } }

        /// <summary>Whether to replace an output that exists. Default no.</summary>
        public bool Overwrite { get { return raw.overwrite != 0; } set { raw.overwrite = value ? 1 : 0; } }

        /// <summary>Edge length in metres of the blocks; 0 (the default) for about a million points each.</summary>
        public double BlockSizeM { get { return raw.block_size_m; } set { raw.block_size_m = value; } }

        /// <summary>
        /// Length of one unit of the coordinates in metres; 0 (the default) for that of the file's CRS, else metres.
        /// </summary>
        public double LinearUnitM { get { return raw.linear_unit_m; } set { raw.linear_unit_m = value; } }

        /// <summary>Path of a terrain model for schemas that say <c>ground: dtm</c>; null (the default) for none.</summary>
        public string Dtm { get; set; }

        /// <summary>The devices that compute: <c>cpu</c>, <c>auto</c>, <c>cuda</c>, <c>cuda:0,2</c>, <c>all</c>; null (the default) for <c>cpu</c>.</summary>
        public string Device { get; set; }

        internal static IntPtr Write(FeaturesFileOptions options, Call call, CancellationToken token)
        {
            call.Watch(options, token);
            var raw = (options ?? new FeaturesFileOptions()).raw;
            raw.dtm = call.Text(options == null ? null : options.Dtm);
            raw.device = call.Text(options == null ? null : options.Device);
            raw.cancel = call.CancelPointer;
            raw.progress = call.ProgressPointer;
            return call.Struct(raw);
        }
    }

    /// <summary>How to search neighbours.</summary>
    public sealed class NeighborsOptions : LongOptions
    {
        private groma_neighbors_options_t raw = Native.Defaults<groma_neighbors_options_t>((p, n) =>
            Low.groma_neighbors_options_init(p, n));

        /// <summary>Worker threads; 0 (the default) for one a core. The result does not depend on it.</summary>
        public int Threads { get { return (int)raw.threads; } set { raw.threads = checked((uint)value); } }

        /// <summary>The neighbour search. Default <see cref="Groma.Search.Auto"/>.</summary>
        public Search Search { get { return (Search)raw.search; } set { raw.search = (int)value; } }

        /// <summary>
        /// Of nearest neighbours: those farther than this are left out, in metres; 0 (the default) for none.
        /// </summary>
        public double MaxDistanceM { get { return raw.max_distance_m; } set { raw.max_distance_m = value; } }

        /// <summary>Length of one unit of the coordinates in metres; 0 (the default) for metres.</summary>
        public double LinearUnitM { get { return raw.linear_unit_m; } set { raw.linear_unit_m = value; } }

        /// <summary>The device that works: <c>cpu</c>, <c>auto</c>, <c>cuda</c>, <c>cuda:0</c>; null (the default) for <c>cpu</c>.</summary>
        public string Device { get; set; }

        internal static IntPtr Write(NeighborsOptions options, Call call, CancellationToken token)
        {
            call.Watch(options, token);
            var raw = (options ?? new NeighborsOptions()).raw;
            raw.device = call.Text(options == null ? null : options.Device);
            raw.cancel = call.CancelPointer;
            raw.progress = call.ProgressPointer;
            return call.Struct(raw);
        }
    }

    /// <summary>How to read and write LAS files.</summary>
    public sealed class LasOptions : LongOptions
    {
        private groma_las_options_t raw = Native.Defaults<groma_las_options_t>((p, n) => Low.groma_las_options_init(p, n));

        /// <summary>Worker threads; 0 (the default) for one a core.</summary>
        public int Threads { get { return (int)raw.threads; } set { raw.threads = checked((uint)value); } }

        /// <summary>Point format to write; -1 (the default) for the one that holds the columns.</summary>
        public int PointFormat { get { return raw.point_format; } set { raw.point_format = value; } }

        /// <summary>Whether to replace an output that exists. Default no.</summary>
        public bool Overwrite { get { return raw.overwrite != 0; } set { raw.overwrite = value ? 1 : 0; } }

        /// <summary>Reserved; 0.</summary>
        public double LinearUnitM { get { return raw.linear_unit_m; } set { raw.linear_unit_m = value; } }

        /// <summary>Of writing: the CRS as OGC WKT; null (the default) for none.</summary>
        public string CrsWkt { get; set; }

        internal static IntPtr Write(LasOptions options, Call call, CancellationToken token)
        {
            call.Watch(options, token);
            var raw = (options ?? new LasOptions()).raw;
            raw.crs_wkt = call.Text(options == null ? null : options.CrsWkt);
            raw.cancel = call.CancelPointer;
            raw.progress = call.ProgressPointer;
            return call.Struct(raw);
        }
    }
}
