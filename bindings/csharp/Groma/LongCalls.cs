// Long calls: progress, cancellation, and what their options have in common.
using System;

namespace Groma
{
    /// <summary>
    /// Told about every 50 ms, on the thread that made the call, and once at its end. True goes on, false cancels. What it
    /// throws cancels too, and comes out of the call.
    /// </summary>
    /// <param name="stage">what is being done</param>
    /// <param name="done">points of this stage that are done</param>
    /// <param name="total">of how many; 0 while that is not known</param>
    public delegate bool Progress(Stage stage, ulong done, ulong total);

    /// <summary>What the options of all long calls have in common.</summary>
    public abstract class LongOptions
    {
        internal LongOptions() { }

        /// <summary>Told what is being done; null (the default) for nobody.</summary>
        public Progress Progress { get; set; }

        /// <summary>
        /// A flag that may stop the call; null (the default) for none. See also the token that each call takes.
        /// </summary>
        public Cancel Cancel { get; set; }
    }

    /// <summary>
    /// A flag that stops the calls it was given to, from any thread. It stays triggered. For several calls that stop together;
    /// a <see cref="System.Threading.CancellationToken"/> does the same for one.
    /// </summary>
    public sealed class Cancel : NativeObject
    {
        /// <summary>Makes a flag that is not triggered.</summary>
        public Cancel() : base(Create()) { }

        /// <summary>True once the flag was triggered.</summary>
        public bool IsTriggered { get { return Get(h => Low.groma_cancel_is_triggered(h)) != 0; } }

        /// <summary>Ends the calls within a fraction of a second; they throw and leave no partial file.</summary>
        public void Trigger()
        {
            Get(h =>
            {
                Low.groma_cancel_trigger(h);
                return 0;
            });
        }

        private static CancelHandle Create()
        {
            using (var call = new Call()) return call.Make<CancelHandle>((out IntPtr made, out IntPtr error) =>
                Low.groma_cancel_create(out made, out error));
        }
    }
}
