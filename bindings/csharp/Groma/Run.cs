// Runs over tiles: classified as one survey, at once or tile by tile.
using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Groma
{
    /// <summary>
    /// How to run over tiles. A new object holds the defaults of the library. Threads, progress and flag are those of the call
    /// that the options are given to; all else is settled when the run is opened.
    /// </summary>
    public sealed class RunOptions : LongOptions
    {
        private groma_run_options_t raw = Native.Defaults<groma_run_options_t>((p, n) => Low.groma_run_options_init(p, n));

        /// <summary>Whether to keep outputs of an earlier run into the folder that are right. Default no.</summary>
        public bool Resume { get { return raw.resume != 0; } set { raw.resume = value ? 1 : 0; } }

        /// <summary>
        /// Whether to go on with the other tiles when one fails, instead of finishing those that were begun. Default no.
        /// </summary>
        public bool SkipFailed { get { return raw.skip_failed != 0; } set { raw.skip_failed = value ? 1 : 0; } }

        /// <summary>
        /// Whether to take tiles that state no reference system as being in that of the others. Default no: they are refused.
        /// </summary>
        public bool AssumeCrs { get { return raw.assume_crs != 0; } set { raw.assume_crs = value ? 1 : 0; } }

        /// <summary>Whether to keep the indices when all tiles are done. Default no.</summary>
        public bool KeepIndex { get { return raw.keep_index != 0; } set { raw.keep_index = value ? 1 : 0; } }

        /// <summary>Number of the shard, from 1, of <see cref="ShardCount"/>; 0 (the default) for all tiles.</summary>
        public int ShardNumber { get { return (int)raw.shard_number; } set { raw.shard_number = checked((uint)value); } }

        /// <summary>How many shards there are; 0 (the default) for all tiles at once.</summary>
        public int ShardCount { get { return (int)raw.shard_count; } set { raw.shard_count = checked((uint)value); } }

        /// <summary>Worker threads; 0 (the default) for one a core. The result does not depend on it.</summary>
        public int Threads { get { return (int)raw.threads; } set { raw.threads = checked((uint)value); } }

        /// <summary>Folder of the indices; null (the default) for <c>.groma</c> in that of the outputs.</summary>
        public string Work { get; set; }

        internal static IntPtr Write(RunOptions options, Call call, CancellationToken token)
        {
            call.Watch(options, token);
            var raw = (options ?? new RunOptions()).raw;
            raw.work = call.Text(options == null ? null : options.Work);
            raw.cancel = call.CancelPointer;
            raw.progress = call.ProgressPointer;
            return call.Struct(raw);
        }
    }

    /// <summary>
    /// A run over tiles into a folder: each point gets the class that one file of all tiles would have given it. Outputs have the
    /// names of their inputs and appear whole or not at all. Any number of threads may use it; processes that share the folder may
    /// each make some tiles: <see cref="Index"/> all, then <see cref="Make"/> any.
    /// </summary>
    public sealed class Run : NativeObject
    {
        private Run(RunHandle handle) : base(handle) { }

        /// <summary>Looks at the headers of tiles; none is read yet.</summary>
        /// <param name="model">the model</param>
        /// <param name="inputs">files, folders or patterns (<c>north_*.laz</c>)</param>
        /// <param name="output">the folder for the outputs</param>
        /// <param name="classify">what is written; null for the defaults</param>
        /// <param name="options">null for the defaults</param>
        public static Run Open(Model model, IEnumerable<string> inputs, string output, ClassifyOptions classify = null,
            RunOptions options = null)
        {
            if (inputs == null) throw new ArgumentNullException("inputs");
            using (var call = new Call())
            {
                IntPtr of = call.Use(model), lines = call.Text(string.Join("\n", inputs)), folder = call.Text(output);
                IntPtr written = ClassifyOptions.Write(classify, call, CancellationToken.None);
                IntPtr settings = RunOptions.Write(options, call, CancellationToken.None);
                return new Run(call.Make<RunHandle>((out IntPtr run, out IntPtr error) =>
                    Low.groma_run_open(of, lines, folder, written, settings, out run, out error)));
            }
        }

        /// <summary>Number of tiles, those of other shards included.</summary>
        public long TileCount { get { return (long)Get(h => Low.groma_run_tile_count(h)); } }

        /// <summary>Reference system, remarks, and tiles with input, output, bounds and points, as a JSON object.</summary>
        public string Describe()
        {
            using (var call = new Call())
            {
                IntPtr run = call.Use(this);
                return call.String((out IntPtr json, out IntPtr error) => Low.groma_run_describe(run, out json, out error));
            }
        }

        /// <summary>Makes the index of a tile, if it is not there.</summary>
        /// <param name="tile">from 0</param>
        /// <param name="options">null for the defaults</param>
        /// <param name="token">stops the call</param>
        public void Index(long tile, RunOptions options = null, CancellationToken token = default(CancellationToken))
        {
            Call.Run(call => Indexing(call, tile, options, token));
        }

        /// <summary>
        /// Ends a run whose tiles were made by <see cref="Make"/>, once nobody is at work on them: removes what makers that were lost
        /// left in the folder and, if all outputs are there, the larger part of the indices.
        /// </summary>
        public void Finish()
        {
            Call.Run(call =>
            {
                IntPtr run = call.Use(this);
                return (Func<bool>)(() =>
                {
                    call.Do((out IntPtr error) => Low.groma_run_finish(run, out error));
                    return true;
                });
            });
        }

        private Func<bool> Indexing(Call call, long tile, RunOptions options, CancellationToken token)
        {
            IntPtr run = call.Use(this), with = RunOptions.Write(options, call, token);
            return () =>
            {
                call.Do((out IntPtr error) => Low.groma_run_index(run, unchecked((ulong)tile), with, out error));
                return true;
            };
        }

        /// <summary>Makes a tile, if it is not there; indices that are missing are made first.</summary>
        /// <param name="tile">from 0</param>
        /// <param name="options">null for the defaults</param>
        /// <param name="token">stops the call</param>
        public Summary Make(long tile, RunOptions options = null, CancellationToken token = default(CancellationToken))
        {
            return Call.Run(call => Making(call, tile, options, token));
        }

        private Func<Summary> Making(Call call, long tile, RunOptions options, CancellationToken token)
        {
            IntPtr run = call.Use(this), with = RunOptions.Write(options, call, token);
            return () => new Summary(call.Make<SummaryHandle>((out IntPtr summary, out IntPtr error) =>
                Low.groma_run_tile(run, unchecked((ulong)tile), with, out summary, out error)));
        }

        /// <summary>
        /// Makes all tiles of the run, or of its shard. Tiles that fail throw nothing: the summary has them, with their reasons.
        /// </summary>
        /// <param name="options">null for the defaults</param>
        /// <param name="token">stops the call</param>
        public Summary Execute(RunOptions options = null, CancellationToken token = default(CancellationToken))
        {
            return Call.Run(call => Execution(call, options, token));
        }

        private Func<Summary> Execution(Call call, RunOptions options, CancellationToken token)
        {
            IntPtr run = call.Use(this), with = RunOptions.Write(options, call, token);
            return () => new Summary(call.Make<SummaryHandle>((out IntPtr summary, out IntPtr error) =>
                Low.groma_run_execute(run, with, out summary, out error)));
        }

        /// <summary><see cref="Index"/> on a thread of the pool.</summary>
        public Task IndexAsync(long tile, RunOptions options = null, CancellationToken token = default(CancellationToken))
        {
            return Call.Start(call => Indexing(call, tile, options, token), token);
        }

        /// <summary><see cref="Make"/> on a thread of the pool.</summary>
        public Task<Summary> MakeAsync(long tile, RunOptions options = null, CancellationToken token = default(CancellationToken))
        {
            return Call.Start(call => Making(call, tile, options, token), token);
        }

        /// <summary><see cref="Execute"/> on a thread of the pool.</summary>
        public Task<Summary> ExecuteAsync(RunOptions options = null, CancellationToken token = default(CancellationToken))
        {
            return Call.Start(call => Execution(call, options, token), token);
        }
    }
}
