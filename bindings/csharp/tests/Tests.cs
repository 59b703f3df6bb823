// Tests of the native layer: lifetimes, callbacks, threads. GromaTests.exe [NAME...]; the vectors test what calls give.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;
using Groma;

internal static partial class Tests
{
    private const int Side = 40;
    private const int LongSide = 1000; // of a survey that takes longer than the first report of progress

    private static readonly Dictionary<string, Action> All = new Dictionary<string, Action>
    {
        { "a disposed object says so", DisposedObjects },
        { "a view of a disposed object says so", DisposedViews },
        { "a value outlives what it came from", ValuesOutlive },
        { "what is forgotten is freed by the finalizer", Finalizers },
        { "a pinned array is neither copied nor kept too long", PinnedArrays },
        { "a thousand models are opened and closed", ManyModels },
        { "an object is freed after the calls that use it", DisposeDuringCalls },
        { "what a callback throws comes out of the call", ThrowingCallbacks },
        { "callbacks, flags and tokens cancel", Cancelling },
        { "tasks run elsewhere and are cancelled", Tasks },
        { "eight threads share a model", SharedModel },
        { "columns lie anywhere", Columns },
        { "columns beyond their arrays are refused", ColumnsRefused },
        { "values are what was given", Values },
        { "values are not seen as what they are not", ValuesRefused },
        { "errors carry status, sentence and subject", Errors },
        { "a log listener that throws does no harm", Logs },
        { "a log listener sets the log while another thread does", LogsInside },
        { "a started task needs no living objects", StartedTasks },
        { "the owner of memory stays until the call is over", Owners },
        { "forgotten values do not pile up", ForgottenUnderLoad }
    };

    private static int Main(string[] names)
    {
        int failed = 0;
        foreach (var test in All.Where(test => names.Length == 0 || names.Contains(test.Key)))
        {
            var time = Stopwatch.StartNew();
            try
            {
                test.Value();
                Console.WriteLine("ok {0} ({1} ms)", test.Key, time.ElapsedMilliseconds);
            }
            catch (Exception e)
            {
                failed++;
                Console.WriteLine("FAILED {0}: {1}", test.Key, e);
            }
        }
        Console.WriteLine(failed + " failed");
        return failed == 0 ? 0 : 1;
    }

    private static double[] Grid(int side = Side)
    {
        var xyz = new double[3 * side * side];
        for (int i = 0; i < side * side; i++)
        {
            xyz[3 * i] = 0.5 * (i % side);
            xyz[3 * i + 1] = 0.5 * (i / side);
            xyz[3 * i + 2] = 0.01 * (i * 7919 % 13);
        }
        return xyz;
    }

    private static Points Survey(int side = Side)
    {
        byte[] ones = Enumerable.Repeat((byte)1, side * side).ToArray();
        return Points.OfInterleaved(Grid(side)).Add("return_number", ones).Add("number_of_returns", ones);
    }

    private static void True(bool condition, string what)
    {
        if (!condition) throw new Exception(what);
    }

    private static void Equal<T>(T is_, T expected)
    {
        if (!EqualityComparer<T>.Default.Equals(is_, expected)) throw new Exception(is_ + ", expected " + expected);
    }

    private static T Throws<T>(Action action) where T : Exception
    {
        try { action(); }
        catch (T e) { return e; }
        throw new Exception("nothing was thrown, expected " + typeof(T).Name);
    }

    private static void DisposedObjects()
    {
        Points points = Survey();
        Model model = Model.OpenDefault();
        Result result = model.Classify(points);
        model.Dispose();
        model.Dispose();
        True(model.IsDisposed, "the model is disposed");
        Throws<ObjectDisposedException>(() => { string name = model.Name; });
        Throws<ObjectDisposedException>(() => model.Classify(points));
        Throws<ObjectDisposedException>(() => Model.OpenEnsemble(new[] { model }));
        Equal(result.Count, Side * Side); // it does not need the model
        result.Dispose();
        Throws<ObjectDisposedException>(() => { long count = result.Count; });
        Throws<ObjectDisposedException>(() => { IntPtr pointer = result.DangerousPointer; });
        var cancel = new Cancel();
        cancel.Dispose();
        Throws<ObjectDisposedException>(() => cancel.Trigger());
        Throws<ObjectDisposedException>(() => Features.Compute(points, "planarity@k20", new FeaturesOptions { Cancel = cancel }));
        Value value = Value.Of(new float[] { 1, 2, 3 });
        Column column = Column.Of(value);
        value.Dispose();
        Throws<ObjectDisposedException>(() => Features.Compute(Points.Of(column, column, column), "planarity@k20"));
    }

    private static void DisposedViews()
    {
        Features features = Features.Compute(Survey(), "planarity@k20");
        NativeArray<float> values = features.Values;
        Equal(values.Length, Side * Side);
        float[] copy = values.ToArray();
        Equal(copy[5], values[5]);
        Equal(values.Slice(5, 2)[0], values[5]);
        Equal(values.Span[5], values[5]);
        Throws<ArgumentOutOfRangeException>(() => { float value = values[Side * Side]; });
        Throws<ArgumentOutOfRangeException>(() => { float value = values[-1]; });
        Throws<ArgumentOutOfRangeException>(() => values.Slice(1, Side * Side));
        features.Dispose();
        Throws<ObjectDisposedException>(() => { float value = values[0]; });
        Throws<ObjectDisposedException>(() => values.ToArray());
        Throws<ObjectDisposedException>(() => { int length = values.Span.Length; });
        Throws<ObjectDisposedException>(() => { foreach (float value in values) { } });
    }

    private static void ValuesOutlive()
    {
        float[] expected;
        Value confidence, features, item;
        using (Model model = Model.OpenDefault())
        using (Result result = model.Classify(Survey()))
        {
            expected = result.Confidence.ToArray();
            confidence = result.Value(Output.Confidence);
            Equal(confidence.DataPointer, result.Confidence.DangerousPointer); // no copy
        }
        using (Features computed = Features.Compute(Survey(), "planarity@k20")) features = computed.Value();
        using (Value sequence = Value.Sequence(new[] { confidence, features })) item = sequence.Item(0);
        True(confidence.ToArray<float>().SequenceEqual(expected), "the value is what the result was");
        confidence.Dispose();
        True(item.ToArray<float>().SequenceEqual(expected), "the item is what the value was");
        Equal(features.Shape[0], Side * Side);
        item.Dispose();
        features.Dispose();
    }

    private static void Finalizers()
    {
        int before = DlPack.Held;
        // On a thread that ends, so that nothing on a stack is taken for a reference.
        var thread = new Thread(() =>
        {
            for (int i = 0; i < 100; i++) Value.Pin(new float[] { i, i, i });
        });
        thread.Start();
        thread.Join();
        for (int i = 0; i < 20 && DlPack.Held > before; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        True(DlPack.Held - before <= 5, DlPack.Held - before + " of 100 forgotten values are still there");
    }

    private static void PinnedArrays()
    {
        int before = DlPack.Held;
        var numbers = new float[] { 1, 2, 3, 4, 5, 6 };
        Value value = Value.Pin(numbers, 2, 3);
        Equal(DlPack.Held, before + 1);
        GCHandle pin = GCHandle.Alloc(numbers, GCHandleType.Pinned);
        Equal(value.DataPointer, pin.AddrOfPinnedObject());
        pin.Free();
        True(value.Shape.SequenceEqual(new long[] { 2, 3 }), "the shape");
        Value sequence = Value.Sequence(new[] { value });
        value.Dispose();
        Equal(DlPack.Held, before + 1); // the sequence still uses it
        Value item = sequence.Item(0);
        sequence.Dispose();
        True(item.ToArray<float>().SequenceEqual(numbers), "the numbers");
        item.Dispose();
        Equal(DlPack.Held, before);
        Throws<ArgumentException>(() => Value.Pin(numbers, 2, 2));
        Equal(DlPack.Held, before);
        // Out by DLPack and in again: the same memory.
        value = Value.Pin(numbers);
        IntPtr data = value.DataPointer, managed = value.ToDlPack();
        value.Dispose();
        using (Value back = Value.FromDlPack(managed)) Equal(back.DataPointer, data);
        Equal(DlPack.Held, before);
    }

    private static void ManyModels()
    {
        long after = 0;
        for (int i = 0; i < 1000; i++)
        {
            using (Model model = Model.OpenDefault()) Equal(model.ClassCount, 4);
            if (i == 200) after = Resident();
        }
        long grown = Resident() - after;
        True(grown < 32 << 20, "800 models left " + grown + " bytes");
    }

    // Resident bytes of this process; 0 where the system does not say.
    private static long Resident()
    {
        GC.Collect();
        if (!File.Exists("/proc/self/statm")) return 0;
        return 4096 * long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1]);
    }

    private static void DisposeDuringCalls()
    {
        Points points = Survey();
        for (int i = 0; i < 20; i++)
        {
            Model model = Model.OpenDefault();
            Exception thrown = null;
            var thread = new Thread(() =>
            {
                try { while (true) model.Classify(points).Dispose(); }
                catch (Exception e) { thrown = e; }
            });
            thread.Start();
            Thread.Sleep(i);
            model.Dispose();
            thread.Join();
            True(thrown is ObjectDisposedException, thrown.ToString());
        }
    }

    private static void ThrowingCallbacks()
    {
        Points points = Survey();
        using (Model model = Model.OpenDefault())
        {
            var mine = new FormatException("mine");
            var options = new ClassifyOptions { Progress = (stage, done, total) => { throw mine; } };
            True(ReferenceEquals(Throws<FormatException>(() => model.Classify(points, options)), mine), "the exception itself");
            using (Result result = model.Classify(points)) Equal(result.Count, Side * Side);
            // A callback may call the library.
            long inside = 0;
            options.Progress = (stage, done, total) =>
            {
                inside = model.ClassCount;
                return true;
            };
            model.Classify(points, options).Dispose();
            Equal(inside, 4);
        }
        Throws<FormatException>(() => Features.Compute(points, "planarity@k20", new FeaturesOptions { Progress = (s, d, t) =>
            { throw new FormatException(); } }));
    }

    private static void Cancelling()
    {
        Points points = Survey(LongSide);
        using (Model model = Model.OpenDefault())
        {
            var stop = new ClassifyOptions { Progress = (stage, done, total) => false };
            Equal(Throws<GromaException>(() => model.Classify(points, stop)).Status, Status.Cancelled);
            using (var cancel = new Cancel())
            {
                True(!cancel.IsTriggered, "a fresh flag");
                cancel.Trigger();
                True(cancel.IsTriggered, "a triggered flag");
                Equal(Throws<GromaException>(() => model.Classify(points, new ClassifyOptions { Cancel = cancel })).Status,
                    Status.Cancelled);
                // Beside a token the flag counts too.
                using (var source = new CancellationTokenSource())
                    Equal(Throws<GromaException>(() => model.Classify(points, new ClassifyOptions { Cancel = cancel },
                        source.Token)).Status, Status.Cancelled);
            }
            using (var source = new CancellationTokenSource())
            {
                var late = new ClassifyOptions
                {
                    Progress = (stage, done, total) =>
                    {
                        source.Cancel(); // from inside; another thread would do as well
                        return true;
                    }
                };
                var thrown = Throws<OperationCanceledException>(() => model.Classify(points, late, source.Token));
                Equal(thrown.CancellationToken, source.Token);
                Throws<OperationCanceledException>(() => model.Classify(points, null, source.Token)); // before it has begun
            }
            model.Classify(Survey()).Dispose();
        }
    }

    private static void Tasks()
    {
        Points points = Survey(LongSide);
        using (Model model = Model.OpenDefault())
        using (var source = new CancellationTokenSource())
        {
            int caller = Thread.CurrentThread.ManagedThreadId, told = caller;
            var options = new ClassifyOptions
            {
                Progress = (stage, done, total) =>
                {
                    told = Thread.CurrentThread.ManagedThreadId;
                    return true;
                }
            };
            using (Result result = model.ClassifyAsync(Survey(), options).Result) Equal(result.Count, Side * Side);
            True(told != caller, "progress is told on the thread of the call");
            options.Progress = (stage, done, total) =>
            {
                source.Cancel();
                return true;
            };
            Task<Result> task = model.ClassifyAsync(points, options, source.Token);
            Throws<AggregateException>(() => task.Wait());
            True(task.IsCanceled, "the task is " + task.Status);
            Task<Features> wrong = Features.ComputeAsync(points, "no_such_feature");
            var thrown = Throws<AggregateException>(() => wrong.Wait());
            Equal(((GromaException)thrown.InnerException).Status, Status.UnknownFeature);
        }
    }

    private static void SharedModel()
    {
        Points points = Survey();
        using (Model model = Model.OpenDefault())
        {
            byte[] expected;
            float[] confidence;
            using (Result result = model.Classify(points))
            {
                expected = result.Classes.ToArray();
                confidence = result.Confidence.ToArray();
            }
            var tasks = Enumerable.Range(0, 8).Select(i => Task.Factory.StartNew(() =>
            {
                for (int round = 0; round < 5; round++)
                    using (Result result = model.Classify(points, new ClassifyOptions { Threads = 1 + i % 2 }))
                    {
                        True(result.Classes.ToArray().SequenceEqual(expected), "the classes differ");
                        True(result.Confidence.ToArray().SequenceEqual(confidence), "the confidences differ");
                    }
            }, TaskCreationOptions.LongRunning)).ToArray();
            Task.WaitAll(tasks);
        }
    }

    private static void Errors()
    {
        GromaException error = Throws<GromaException>(() => Model.Open("/no/such/modèle.onnx"));
        Equal(error.Status, Status.NotFound);
        Equal(error.Subject, "/no/such/modèle.onnx");
        True(error.Message.Contains("/no/such/modèle.onnx"), error.Message);
        Equal(Throws<GromaException>(() => Model.Open(null)).Status, Status.InvalidArgument);
        Equal(Library.StatusName((int)Status.ClassOutOfRange), "CLASS_OUT_OF_RANGE");
        True(Library.Doctor().StartsWith("{"), "the doctor speaks JSON");
    }

    private static void Logs()
    {
        Log.Set((level, target, message) => { throw new Exception("lost"); }, LogLevel.Debug);
        using (Model model = Model.OpenDefault()) model.Classify(Survey()).Dispose();
        Log.Set(null);
    }
}
