// Tests of what calls hold while they run, and of what is forgotten.
using System;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;
using Groma;

internal static partial class Tests
{
    // Occupies the threads of the pool, so that what is started waits; what it gives lets them go.
    private static ManualResetEventSlim BusyPool()
    {
        var go = new ManualResetEventSlim();
        int workers, ports;
        ThreadPool.GetMinThreads(out workers, out ports);
        for (int i = 0; i < 4 * workers; i++) ThreadPool.QueueUserWorkItem(state => go.Wait());
        return go;
    }

    private static void StartedTasks()
    {
        Points points = Survey();
        Model model = Model.OpenDefault();
        Value number = Value.Of(new double[] { 1, 2, 3 });
        Column column = Column.Of(number);
        Task<Result> classified;
        Task<Features> computed, cancelled;
        using (ManualResetEventSlim go = BusyPool())
        using (var source = new CancellationTokenSource())
        {
            classified = model.ClassifyAsync(points);
            computed = Features.ComputeAsync(Points.Of(column, column, column), "planarity@k2");
            cancelled = Features.ComputeAsync(points, "planarity@k20", null, source.Token);
            model.Dispose();
            number.Dispose();
            source.Cancel();
            go.Set();
            using (Result result = classified.Result) Equal(result.Count, Side * Side);
            using (Features features = computed.Result) Equal(features.Rows, 3);
            Throws<AggregateException>(() => cancelled.Wait());
            True(cancelled.IsCanceled, "the task is " + cancelled.Status);
            Throws<AggregateException>(() => Features.ComputeAsync(points, "planarity@k20", null, source.Token).Wait());
        }
        var disposed = Throws<AggregateException>(() => model.ClassifyAsync(points).Wait());
        True(disposed.InnerException is ObjectDisposedException, disposed.ToString());
    }

    // Memory that is gone when it was collected.
    private sealed class Owner
    {
        public static int Collected;
        public readonly IntPtr Memory = Marshal.AllocHGlobal(8 * LongSide * LongSide);

        ~Owner()
        {
            Collected++;
            Marshal.FreeHGlobal(Memory);
        }
    }

    private static void Owners()
    {
        int collected = -1;
        Task<Features> task = null;
        // On a thread that ends, so that nothing on a stack is taken for a reference.
        var thread = new Thread(() =>
        {
            double[] grid = Grid(LongSide);
            Func<int, Column> part = axis =>
            {
                var owner = new Owner();
                double[] numbers = Enumerable.Range(0, LongSide * LongSide).Select(i => grid[3 * i + axis]).ToArray();
                Marshal.Copy(numbers, 0, owner.Memory, numbers.Length);
                return Column.AtPointer(owner.Memory, ElementType.F64, numbers.Length, 0, owner);
            };
            task = Features.ComputeAsync(Points.Of(part(0), part(1), part(2)), "planarity@k20", new FeaturesOptions
            {
                Progress = (stage, done, total) =>
                {
                    GC.Collect();
                    GC.WaitForPendingFinalizers();
                    collected = Owner.Collected;
                    return false;
                }
            });
        });
        thread.Start();
        thread.Join();
        Throws<AggregateException>(() => task.Wait());
        Equal(collected, 0);
    }

    private static void ForgottenUnderLoad()
    {
        if (!File.Exists("/proc/self/statm")) return;
        Func<long> resident = () => 4096 * long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1]);
        var numbers = new float[1 << 20];
        long before = resident(), most = 0;
        for (int i = 0; i < 400; i++)
        {
            Value.Of(numbers);
            most = Math.Max(most, resident() - before);
        }
        True(most < 800 << 20, "400 forgotten values of 4 MB took " + most + " bytes");
    }

    private const string Logged = "tests/models/values/same_f32.onnx"; // whose opening is told; tests run in the root

    private static void LogsInside()
    {
        var inside = new ManualResetEventSlim();
        int once = 0;
        Log.Set((level, target, message) =>
        {
            if (Interlocked.Exchange(ref once, 1) == 1) return;
            inside.Set();
            Thread.Sleep(200); // until the other thread waits for this callback
            Log.Set(null);
        }, LogLevel.Debug);
        var caller = new Thread(() => Network.Open(Logged).Dispose());
        var setter = new Thread(() =>
        {
            inside.Wait();
            Log.Set(null);
        });
        caller.IsBackground = setter.IsBackground = true;
        caller.Start();
        setter.Start();
        True(caller.Join(30000) && setter.Join(30000), "they wait for each other");
    }
}
