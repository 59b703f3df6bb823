// What stands between managed and native: text, structs with defaults, and the memory of one call.
using System;
using System.Collections.Generic;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Groma
{
    internal delegate int Maker(out IntPtr made, out IntPtr error);

    internal delegate int Doer(out IntPtr error);

    /// <summary>Text and structs across the boundary.</summary>
    internal static unsafe class Native
    {
        /// <summary>A UTF-8 string of the library; null for NULL.</summary>
        public static string Text(IntPtr text)
        {
            if (text == IntPtr.Zero) return null;
            int length = 0;
            while (((byte*)text)[length] != 0) length++;
            return Text(text, length);
        }

        /// <summary>So many bytes of UTF-8, which may hold NULs.</summary>
        public static string Text(IntPtr text, long length)
        {
            return length == 0 ? "" : Encoding.UTF8.GetString((byte*)text, checked((int)length));
        }

        /// <summary>A string by a call that is compiled after the library was loaded.</summary>
        public static string Text(Func<IntPtr> call) { return Text(call()); }

        /// <summary>A number by a call that is compiled after the library was loaded.</summary>
        public static T Read<T>(Func<T> call) { return call(); }

        /// <summary>A struct as its init function leaves it.</summary>
        public static T Defaults<T>(Action<IntPtr, uint> init) where T : struct
        {
            Library.Load();
            int size = Marshal.SizeOf(typeof(T));
            IntPtr memory = Marshal.AllocHGlobal(size);
            try
            {
                init(memory, (uint)size);
                return (T)Marshal.PtrToStructure(memory, typeof(T));
            }
            finally { Marshal.FreeHGlobal(memory); }
        }
    }

    /// <summary>
    /// One call: pins arrays, holds handles, text and structs until it is over, and turns what comes back into exceptions.
    /// </summary>
    internal sealed class Call : IDisposable
    {
        private readonly List<GCHandle> pins = new List<GCHandle>();
        private readonly List<IntPtr> memory = new List<IntPtr>();
        private readonly List<SafeHandle> handles = new List<SafeHandle>();
        private readonly List<object> kept = new List<object>();
        private groma_progress_fn callback;
        private ExceptionDispatchInfo thrown;
        private CancellationToken token;
        private CancellationTokenRegistration registration;
        private Cancel ownCancel;

        public Call() { Library.Load(); }

        /// <summary>Prepares a call and makes it.</summary>
        public static T Run<T>(Func<Call, Func<T>> prepare)
        {
            using (var call = new Call()) return prepare(call)();
        }

        /// <summary>
        /// Prepares a call here, so that what it uses may be disposed as soon as this returns, and makes it on a thread of the
        /// pool. What is wrong comes out of the task.
        /// </summary>
        public static Task<T> Start<T>(Func<Call, Func<T>> prepare, CancellationToken token)
        {
            var task = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
            Action<Func<T>> end = work =>
            {
                try { task.TrySetResult(work()); }
                catch (OperationCanceledException e)
                {
                    if (token.IsCancellationRequested) task.TrySetCanceled(token);
                    else task.TrySetException(e);
                }
                catch (Exception e) { task.TrySetException(e); }
            };
            Call call = null;
            try
            {
                call = new Call();
                Func<T> made = prepare(call);
                ThreadPool.QueueUserWorkItem(state => end(() => { using (call) return made(); }));
            }
            catch (Exception e)
            {
                if (call != null) call.Dispose();
                ExceptionDispatchInfo wrong = ExceptionDispatchInfo.Capture(e);
                end(() => { wrong.Throw(); return default(T); });
            }
            return task.Task;
        }

        /// <summary>What the field <c>cancel</c> of options gets.</summary>
        public IntPtr CancelPointer { get; private set; }

        /// <summary>What the field <c>progress</c> of options gets.</summary>
        public IntPtr ProgressPointer { get; private set; }

        /// <summary>A string as UTF-8 with a NUL at its end; NULL for null.</summary>
        public IntPtr Text(string text)
        {
            if (text == null) return IntPtr.Zero;
            if (text.IndexOf('\0') >= 0)
                throw new ArgumentException("a NUL character in “" + text.Replace("\0", "\\0") + "”");
            return Bytes(Encoding.UTF8.GetBytes(text));
        }

        /// <summary>A copy of bytes with a NUL behind them.</summary>
        public IntPtr Bytes(byte[] bytes)
        {
            IntPtr copy = Memory(bytes.Length + 1);
            Marshal.Copy(bytes, 0, copy, bytes.Length);
            Marshal.WriteByte(copy, bytes.Length, 0);
            return copy;
        }

        /// <summary>An array of strings; NULL for null.</summary>
        public IntPtr Texts(IList<string> texts)
        {
            if (texts == null) return IntPtr.Zero;
            var pointers = new IntPtr[texts.Count];
            for (int i = 0; i < pointers.Length; i++)
            {
                if (texts[i] == null) throw new ArgumentException("string " + i + " is null");
                pointers[i] = Text(texts[i]);
            }
            return Pin(pointers);
        }

        /// <summary>An array of handles.</summary>
        public IntPtr Handles<T>(IList<T> objects) where T : NativeObject
        {
            if (objects == null) throw new ArgumentNullException("objects");
            var pointers = new IntPtr[objects.Count];
            for (int i = 0; i < pointers.Length; i++)
            {
                if (objects[i] == null) throw new ArgumentException("object " + i + " is null");
                pointers[i] = Use(objects[i]);
            }
            return Pin(pointers);
        }

        /// <summary>The first byte of an array of numbers, which stays where it is during the call; NULL for null.</summary>
        public IntPtr Pin(Array array)
        {
            if (array == null) return IntPtr.Zero;
            GCHandle pin = GCHandle.Alloc(array, GCHandleType.Pinned);
            pins.Add(pin);
            return pin.AddrOfPinnedObject();
        }

        /// <summary>Memory until the end of the call.</summary>
        public IntPtr Memory(long bytes)
        {
            IntPtr block = Marshal.AllocHGlobal(new IntPtr(Math.Max(1, bytes)));
            memory.Add(block);
            return block;
        }

        /// <summary>A struct in native memory.</summary>
        public IntPtr Struct<T>(T value) where T : struct
        {
            IntPtr block = Memory(Marshal.SizeOf(typeof(T)));
            Marshal.StructureToPtr((object)value, block, false);
            return block;
        }

        /// <summary>The pointer of an object, which is not destroyed before the end of the call.</summary>
        public IntPtr Use(NativeObject used)
        {
            if (used == null) throw new ArgumentNullException("used");
            return Use(used.Handle);
        }

        /// <summary>The pointer of a handle, which is not destroyed before the end of the call.</summary>
        public IntPtr Use(SafeHandle handle)
        {
            bool held = false;
            handle.DangerousAddRef(ref held); // throws ObjectDisposedException after Dispose
            handles.Add(handle);
            return handle.DangerousGetHandle();
        }

        /// <summary>Keeps an object from being collected until the end of the call.</summary>
        public void Keep(object used) { kept.Add(used); }

        /// <summary>Prepares progress and cancellation of a long call.</summary>
        public void Watch(LongOptions options, CancellationToken token)
        {
            this.token = token;
            token.ThrowIfCancellationRequested();
            Cancel asked = options == null ? null : options.Cancel;
            Progress progress = options == null ? null : options.Progress;
            if (token.CanBeCanceled)
            {
                ownCancel = new Cancel();
                CancelPointer = Use(ownCancel);
                registration = token.Register(ownCancel.Trigger);
            }
            else if (asked != null)
            {
                CancelPointer = Use(asked);
                asked = null;
            }
            // Of a token and a flag the token has the library's ear; the flag is looked at whenever progress is told.
            if (progress == null && asked == null) return;
            callback = (user, stage, done, total) =>
            {
                try
                {
                    if (asked != null && asked.IsTriggered) return 1;
                    return progress == null || progress((Stage)stage, done, total) ? 0 : 1;
                }
                catch (Exception e)
                {
                    if (thrown == null) thrown = ExceptionDispatchInfo.Capture(e);
                    return 1;
                }
            };
            ProgressPointer = Marshal.GetFunctionPointerForDelegate(callback);
        }

        /// <summary>A call that makes a handle.</summary>
        public T Make<T>(Maker make) where T : NativeHandle, new()
        {
            var handle = new T();
            IntPtr made, error;
            int status = make(out made, out error);
            if (status == Low.GROMA_STATUS_OK) handle.Take(made);
            try { Check(status, error); }
            catch
            {
                handle.Dispose();
                throw;
            }
            return handle;
        }

        /// <summary>A call that makes a string.</summary>
        public string String(Maker make)
        {
            using (StringHandle made = Make<StringHandle>(make))
            {
                IntPtr text = Use(made);
                return Native.Text(Low.groma_string_data(text), (long)Low.groma_string_length(text));
            }
        }

        /// <summary>A call that makes nothing.</summary>
        public void Do(Doer act)
        {
            IntPtr error;
            int status = act(out error);
            Check(status, error);
        }

        /// <summary>A call that fills a tensor view.</summary>
        public groma_tensor_t Tensor(Func<IntPtr, Doer> fill)
        {
            IntPtr place = Memory(Marshal.SizeOf(typeof(groma_tensor_t)));
            Do(fill(place));
            return (groma_tensor_t)Marshal.PtrToStructure(place, typeof(groma_tensor_t));
        }

        private void Check(int status, IntPtr error)
        {
            GC.KeepAlive(callback);
            GromaException failure = null;
            if (status != Low.GROMA_STATUS_OK)
            {
                string message = Native.Text(Low.groma_error_message(error));
                failure = new GromaException((Status)Low.groma_error_code(error), message, Native.Text(Low.groma_error_subject(error)));
                Low.groma_error_destroy(error);
            }
            if (thrown != null) thrown.Throw();
            if (failure == null) return;
            if (failure.Status == Status.Cancelled && token.IsCancellationRequested)
                throw new OperationCanceledException(failure.Message, failure, token);
            throw failure;
        }

        /// <summary>Ends the call.</summary>
        public void Dispose()
        {
            registration.Dispose(); // waits for a trigger under way
            GC.KeepAlive(kept);
            foreach (SafeHandle handle in handles) handle.DangerousRelease();
            foreach (GCHandle pin in pins) pin.Free();
            foreach (IntPtr block in memory) Marshal.FreeHGlobal(block);
            handles.Clear();
            pins.Clear();
            memory.Clear();
            if (ownCancel != null) ownCancel.Dispose();
        }
    }
}
