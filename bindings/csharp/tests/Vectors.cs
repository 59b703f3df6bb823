// Runs the vectors that all languages share, through the native layer: Vectors.exe VECTORS_DIR [--case NAME]
using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Reflection;
using Groma;
using Newtonsoft.Json.Linq;

internal static class Vectors
{
    private const string Child = "GROMA_VECTORS_CHILD"; // set in a process that was started for one case
    private const string ChildTmp = "GROMA_VECTORS_CHILD_TMP";

    private static int Main(string[] arguments)
    {
        if (arguments.Length != 1 && !(arguments.Length == 3 && arguments[1] == "--case"))
        {
            Console.Error.WriteLine("usage: Vectors VECTORS_DIR [--case NAME]");
            return 2;
        }
        string folder = Path.GetFullPath(arguments[0]);
        string[] names = arguments.Length == 3
            ? new[] { arguments[2] }
            : Directory.GetDirectories(folder).Where(d => File.Exists(Path.Combine(d,
                "case.json"))).Select(Path.GetFileName).OrderBy(n => n, StringComparer.Ordinal).ToArray();
        int passed = 0, failed = 0;
        foreach (string name in names)
        {
            string reason = RunCase(folder, name);
            if (reason == null) passed++;
            else if (reason.StartsWith("skipped")) Console.WriteLine(reason);
            else failed++;
            if (reason == null) Console.WriteLine("ok " + name);
            else if (!reason.StartsWith("skipped")) Console.WriteLine("FAILED " + name + ": " + reason);
        }
        Console.WriteLine(passed + " passed, " + failed + " failed");
        return failed == 0 ? 0 : 1;
    }

    // Null if all was well.
    private static string RunCase(string vectors, string name)
    {
        string folder = Path.Combine(vectors, name);
        string tmp = Environment.GetEnvironmentVariable(ChildTmp);
        bool child = Environment.GetEnvironmentVariable(Child) == name;
        if (!child) tmp = Path.Combine(Path.GetTempPath(), "groma-vectors-" + Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(tmp);
        var of = new Case { Folder = folder, Vectors = vectors, Tmp = tmp };
        try
        {
            JObject description = JObject.Parse(File.ReadAllText(Path.Combine(folder, "case.json")));
            string needs = (string)description["needs"];
            if (needs != null && needs != "debug" && needs != "no_runtime") return "this runner does not know the need " + needs;
            if (needs == "debug" && Environment.GetEnvironmentVariable("GROMA_VECTORS_RELEASE") == "1")
                return "skipped " + name + ": it needs a debug build of the library";
            string lonely = Environment.GetEnvironmentVariable("GROMA_VECTORS_LONELY");
            if (needs == "no_runtime" && string.IsNullOrEmpty(lonely))
                return "skipped " + name + ": GROMA_VECTORS_LONELY names no library in a folder of its own";
            var environment = description["environment"] as JObject;
            if (environment != null && !child) return RunChild(of, name, environment);
            of.In = Tensor.Read(Path.Combine(folder, "in.safetensors"));
            of.Out = Tensor.Read(Path.Combine(folder, "out.safetensors"));
            int number = 0;
            foreach (JObject step in description["steps"])
            {
                number++;
                if (step["native"] != null && !(bool)step["native"]) continue;
                try { RunStep(new Step(of, step), step); }
                catch (Exception e)
                {
                    string what = e is Failed ? e.Message : e is GromaException ? ((GromaException)e).Status + ": " + e.Message
                        : e.ToString();
                    return "step " + number + " " + step["call"] + ": " + what;
                }
            }
            return null;
        }
        catch (Exception e) { return e.Message; }
        finally
        {
            foreach (object left in of.Given.Values)
            {
                if (left is IntPtr && (IntPtr)left != IntPtr.Zero) Value.FromDlPack((IntPtr)left).Dispose();
                else if (left is IDisposable) ((IDisposable)left).Dispose();
            }
            if (!child) Directory.Delete(tmp, true);
        }
    }

    private static void RunStep(Step s, JObject step)
    {
        Func<Step, object> call;
        if (!VectorCalls.All.TryGetValue(s.Call, out call)) throw new Failed("this runner does not know the function");
        object answer = null;
        Exception thrown = null;
        try { answer = call(s); }
        catch (Failed) { throw; }
        catch (Exception e) { thrown = e; }
        if (step["fails"] != null) CheckFailure(s, (JObject)step["fails"], thrown);
        else if (thrown != null) throw new Failed(thrown is GromaException ? ((GromaException)thrown).Status + ": "
            + thrown.Message : thrown.ToString());
        else if (step["expect"] != null) s.Expect(answer, step["expect"]);
        if (thrown == null && s.Token("options") != null && s.Token("options").Type == JTokenType.String
            && !s.Call.EndsWith("_init"))
        {
            int[] told;
            var options = s.Get<object>("options") as LongOptions;
            if (options != null && s.Case.Told.TryGetValue(options, out told)
                && told[0] == 0) throw new Failed("no progress was told");
        }
        if (step["logs"] != null)
            lock (s.Case.Messages)
                if (!s.Case.Messages.Any(message => message.Contains((string)step["logs"])))
                    throw new Failed("no message contains “" + step["logs"] + "”: " + string.Join(" | ", s.Case.Messages));
    }

    private static void CheckFailure(Step s, JObject expected, Exception thrown)
    {
        string status = (string)expected["status"];
        if (thrown == null) throw new Failed("no error, expected " + status);
        var error = thrown as GromaException;
        if (error == null && !IsRefusal(thrown)) throw new Failed(thrown.ToString());
        string name = error == null ? "INVALID_ARGUMENT" : Library.StatusName((int)error.Status);
        if (name != status) throw new Failed("the error is " + name + " (" + thrown.Message + "), expected " + status);
        string part = (string)expected["message_contains"], end = (string)expected["subject_ends_with"],
            subject = (string)expected["subject"];
        if (part != null && !thrown.Message.Contains(s.Case.Replace(part))) throw new Failed("“" + part + "” is not in “"
            + thrown.Message + "”");
        if (error == null)
        {
            if (end != null || subject != null) throw new Failed("an error without a subject: " + thrown);
            return;
        }
        if (end != null && (error.Subject == null || !error.Subject.EndsWith(s.Case
            .Replace(end)))) throw new Failed("the subject is “" + error.Subject + "”, expected …" + end);
        if (subject != null && error.Subject != s.Case.Replace(subject)) throw new Failed("the subject is “" + error.Subject
            + "”, expected “" + subject + "”");
        s.Give("error", error);
    }

    // What the layer's own types and checks refuse never reaches the library; what it merely stumbles over is a defect.
    private static bool IsRefusal(Exception thrown)
    {
        MethodBase by = thrown.TargetSite;
        bool layer = by != null && by.DeclaringType != null && by.DeclaringType.Assembly == typeof(Model).Assembly;
        return layer && (thrown is ArgumentException || thrown is OverflowException);
    }

    // A process of its own, with other environment variables.
    private static string RunChild(Case of, string name, JObject environment)
    {
        string program = Assembly.GetExecutingAssembly().Location;
        bool mono = System.Type.GetType("Mono.Runtime") != null;
        string host = Process.GetCurrentProcess().MainModule.FileName;
        var start = new ProcessStartInfo(host, (mono || host.Contains("dotnet") ? "\"" + program + "\" " : "") + "\""
            + of.Vectors + "\" --case \"" + name + "\"");
        start.UseShellExecute = false;
        start.RedirectStandardOutput = true;
        foreach (var variable in environment)
        {
            if (variable.Value.Type == JTokenType.Null) start.EnvironmentVariables.Remove(variable.Key);
            else start.EnvironmentVariables[variable.Key] = of.Replace((string)variable.Value);
        }
        start.EnvironmentVariables[Child] = name;
        start.EnvironmentVariables[ChildTmp] = of.Tmp;
        using (Process process = Process.Start(start))
        {
            string said = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            string prefix = "FAILED " + name + ": ";
            foreach (string line in said.Split('\n'))
            {
                if (line == "ok " + name) return null;
                if (line.StartsWith("skipped ")) return line;
                if (line.StartsWith(prefix)) return line.Substring(prefix.Length);
            }
            return "its process ended with " + process.ExitCode + " and said: " + said;
        }
    }
}
