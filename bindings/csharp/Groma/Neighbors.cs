// Neighbours: who is near whom.
using System;
using System.Threading;
using System.Threading.Tasks;

namespace Groma
{
    /// <summary>
    /// The neighbours of points, one list after the other: those of point <c>i</c> are entries <c>Offsets[i]</c> to
    /// <c>Offsets[i + 1]</c>.
    /// </summary>
    public sealed class Neighbors : NativeObject
    {
        private Neighbors(NeighborsHandle handle) : base(handle) { handle.Weigh(8 * Count + 8 * Total); }

        /// <summary>Number of points.</summary>
        public long Count { get { return (long)Get(h => Low.groma_neighbors_count(h)); } }

        /// <summary>Number of entries of all points.</summary>
        public long Total { get { return (long)Get(h => Low.groma_neighbors_total(h)); } }

        /// <summary>Where the entries of each point begin: <c>[count + 1]</c>.</summary>
        public NativeArray<ulong> Offsets { get { return Array<ulong>(h => Low.groma_neighbors_offsets(h), Count + 1); } }

        /// <summary>Rows of the neighbours: <c>[total]</c>.</summary>
        public NativeArray<uint> Indices { get { return Array<uint>(h => Low.groma_neighbors_indices(h), Total); } }

        /// <summary>Distances in metres: <c>[total]</c>.</summary>
        public NativeArray<float> Distances { get { return Array<float>(h => Low.groma_neighbors_distances(h), Total); } }

        /// <summary>The nearest neighbours of each point, itself included, nearest first.</summary>
        /// <param name="points">the points</param>
        /// <param name="k">how many</param>
        /// <param name="options">null for the defaults</param>
        /// <param name="token">stops the call</param>
        public static Neighbors Nearest(Points points, long k, NeighborsOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Run(call => NearestSearch(call, points, k, options, token));
        }

        private static Func<Neighbors> NearestSearch(Call call, Points points, long k, NeighborsOptions options,
            CancellationToken token)
        {
            if (points == null) throw new ArgumentNullException("points");
            IntPtr of = points.Write(call), with = NeighborsOptions.Write(options, call, token);
            ulong many = checked((ulong)k);
            return () => new Neighbors(call.Make<NeighborsHandle>((out IntPtr neighbors, out IntPtr error) =>
                Low.groma_neighbors_nearest(of, many, with, out neighbors, out error)));
        }

        /// <summary>The neighbours of each point within a distance, itself included.</summary>
        /// <param name="points">the points</param>
        /// <param name="radiusM">the distance in metres</param>
        /// <param name="options">null for the defaults</param>
        /// <param name="token">stops the call</param>
        public static Neighbors Within(Points points, double radiusM, NeighborsOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Run(call => WithinSearch(call, points, radiusM, options, token));
        }

        private static Func<Neighbors> WithinSearch(Call call, Points points, double radiusM, NeighborsOptions options,
            CancellationToken token)
        {
            if (points == null) throw new ArgumentNullException("points");
            IntPtr of = points.Write(call), with = NeighborsOptions.Write(options, call, token);
            return () => new Neighbors(call.Make<NeighborsHandle>((out IntPtr neighbors, out IntPtr error) =>
                Low.groma_neighbors_within(of, radiusM, with, out neighbors, out error)));
        }

        /// <summary>One of the arrays as a value, which outlives this object, without a copy.</summary>
        public Value Value(NeighborsOutput output)
        {
            using (var call = new Call())
            {
                IntPtr neighbors = call.Use(this);
                return new Value(call.Make<ValueHandle>((out IntPtr value, out IntPtr error) =>
                    Low.groma_neighbors_value(neighbors, (int)output, out value, out error)));
            }
        }

        /// <summary><see cref="Nearest"/> on a thread of the pool; leave the arrays as they are until it has ended.</summary>
        public static Task<Neighbors> NearestAsync(Points points, long k, NeighborsOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Start(call => NearestSearch(call, points, k, options, token), token);
        }

        /// <summary><see cref="Within"/> on a thread of the pool; leave the arrays as they are until it has ended.</summary>
        public static Task<Neighbors> WithinAsync(Points points, double radiusM, NeighborsOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Start(call => WithinSearch(call, points, radiusM, options, token), token);
        }
    }
}
