// One step of a vector case: its arguments, and what is expected of it.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using Groma;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

/// <summary>What lives during a case.</summary>
internal sealed class Case
{
    public string Folder, Vectors, Tmp;
    public Dictionary<string, Tensor> In, Out;
    public readonly Dictionary<string, object> Given = new Dictionary<string, object>();
    public readonly List<string> Messages = new List<string>();
    public readonly Dictionary<LongOptions, int[]> Told = new Dictionary<LongOptions, int[]>();

    public string Replace(string text)
    {
        return text.Replace("${tmp}", Tmp).Replace("${vectors}", Vectors).Replace("${models}",
            Path.Combine(Path.GetDirectoryName(Vectors), "models"))
            .Replace("${lonely}", Environment.GetEnvironmentVariable("GROMA_VECTORS_LONELY") ?? "")
            .Replace("${old_runtime}", Environment.GetEnvironmentVariable("GROMA_VECTORS_OLD_RUNTIME") ?? "")
            .Replace("${runtime}", Environment.GetEnvironmentVariable("GROMA_ONNXRUNTIME") ?? "");
    }
}

/// <summary>A step.</summary>
internal sealed class Step
{
    private readonly JObject step;
    public readonly Case Case;

    public Step(Case of, JObject step)
    {
        Case = of;
        this.step = step;
    }

    public string Call { get { return (string)step["call"]; } }

    public bool Has(string name) { return step[name] != null && step[name].Type != JTokenType.Null; }

    public JToken Token(string name) { return step[name]; }

    /// <summary>Text, a JSON object as its text, or null.</summary>
    public string Text(string name)
    {
        if (!Has(name)) return null;
        return Case.Replace(step[name].Type == JTokenType.String ? (string)step[name] : step[name].ToString(Formatting.None));
    }

    public string[] Texts(string name) { return Has(name) ? step[name].Select(text => Case.Replace((string)text)).ToArray()
        : null; }

    public double Number(string name) { return Has(name) ? (double)Constant(step[name]) : 0; }

    public long Long(string name) { return Has(name) ? (long)Constant(step[name]) : 0; }

    public int Int(string name) { return checked((int)Long(name)); }

    public long[] Longs(string name) { return Has(name) ? step[name].Select(number => (long)number).ToArray() : null; }

    /// <summary>What an earlier step gave; null if the argument is absent.</summary>
    public T Get<T>(string name) where T : class { return Has(name) ? (T)Find((string)step[name]) : null; }

    public List<T> GetAll<T>(string name) where T : class
    {
        return Has(name) ? step[name].Select(item => (T)Find((string)item)).ToList() : new List<T>();
    }

    /// <summary>A tensor of the case; its absence is null.</summary>
    public Tensor Tensor(string name) { return Has(name) ? Tensor(step[name]) : null; }

    public Tensor Tensor(JToken token)
    {
        string text = (string)token;
        var from = text.StartsWith("@in:") ? Case.In : text.StartsWith("@out:") ? Case.Out : null;
        if (from == null) throw new Failed(text + " is no tensor");
        string name = text.Substring(text.IndexOf(':') + 1);
        Tensor found;
        if (!from.TryGetValue(name, out found)) throw new Failed("the case has no tensor " + text);
        return found;
    }

    /// <summary>The bytes of a tensor or a file.</summary>
    public byte[] Data(string name)
    {
        if (!Has(name)) return null;
        string text = (string)step[name];
        return text.StartsWith("@file:") ? File.ReadAllBytes(Case.Replace(text.Substring(6))) : Tensor(name).Bytes;
    }

    /// <summary>Keeps what a call gave under the name that the step says.</summary>
    public object Give(string output, object value)
    {
        var gives = (JObject)step["gives"];
        if (gives != null && gives[output] != null)
        {
            string name = (string)gives[output];
            Release(name);
            Case.Given[name] = value;
        }
        else if (value is IDisposable) ((IDisposable)value).Dispose();
        return null;
    }

    /// <summary>Destroys what an earlier step gave.</summary>
    public object Destroy(string argument)
    {
        if (Has(argument)) Release(((string)step[argument]).TrimStart('$'));
        return null;
    }

    public void Release(string name)
    {
        object old;
        if (Case.Given.TryGetValue(name, out old) && old is IDisposable) ((IDisposable)old).Dispose();
        Case.Given.Remove(name);
    }

    /// <summary>Fresh options with the fields that the step names, or a comparison of their defaults.</summary>
    public object Init<T>() where T : new()
    {
        object options = new T();
        if (Has("expect_defaults"))
            foreach (var field in (JObject)step["expect_defaults"]) CheckDefault(options, field.Key, field.Value);
        if (Has("options"))
            foreach (var field in (JObject)step["options"]) Set(options, field.Key, field.Value);
        return Give("options", options);
    }

    private void Set(object options, string field, JToken value)
    {
        if (field == "progress")
        {
            var told = new int[1];
            bool go = (string)value == "go";
            var long_ = (LongOptions)options;
            long_.Progress = (stage, done, total) =>
            {
                told[0]++;
                return go;
            };
            Case.Told[long_] = told;
            return;
        }
        PropertyInfo property = options.GetType().GetProperty(Pascal(field));
        if (property == null) throw new Failed(options.GetType().Name + " has no " + Pascal(field));
        property.SetValue(options, Converted(value, property.PropertyType), null);
    }

    private object Converted(JToken value, Type type)
    {
        if (value.Type == JTokenType.Null) return null;
        if (type == typeof(Cancel)) return Find((string)value);
        if (type == typeof(string)) return Case.Replace(value.Type == JTokenType.String ? (string)value
            : value.ToString(Formatting.None));
        if (type == typeof(byte[])) return value.Select(item => (byte)item).ToArray();
        if (type == typeof(IList<string>)) return value.Select(item => (string)item).ToArray();
        if (type == typeof(bool)) return Constant(value) != 0;
        if (type.IsEnum) return Enum.ToObject(type, (int)Constant(value));
        return Convert.ChangeType(Constant(value), type, CultureInfo.InvariantCulture);
    }

    private void CheckDefault(object options, string field, JToken expected)
    {
        if (field == "struct_size" || field == "reserved" || field == "progress_user") return; // not of this language
        string name = field.EndsWith("_count") ? Lists(field.Substring(0, field.Length - 6)) : field;
        PropertyInfo property = options.GetType().GetProperty(Pascal(field)) ?? options.GetType().GetProperty(Pascal(name));
        if (property == null) throw new Failed(options.GetType().Name + " has no " + Pascal(field));
        object value = property.GetValue(options, null);
        // Of a list; other counts are numbers themselves.
        if (name != field && !(value is int)) value = value == null ? 0 : ((ICollection)value).Count;
        Expect(value, expected);
    }

    private static string Lists(string one) { return one.EndsWith("class") ? one + "es" : one + "s"; }

    private static string Pascal(string snake)
    {
        return string.Concat(snake.Split('_').Select(word => char.ToUpperInvariant(word[0]) + word.Substring(1)));
    }

    /// <summary>Points from the tensors that the step names.</summary>
    public object Points()
    {
        var fields = Has("points") ? (JObject)step["points"] : new JObject();
        Column none = Groma.Column.Of(new double[0]);
        bool some = fields["x"] != null;
        Points points = Groma.Points.Of(some ? Column(fields["x"]) : none, some ? Column(fields["y"]) : none, some
            ? Column(fields["z"]) : none);
        foreach (var field in fields)
        {
            if (field.Key == "resolution") points.Resolution = (double)field.Value;
            else if (field.Key == "scale") points.Scale = field.Value.Select(n => (double)n).ToArray();
            else if (field.Key == "offset") points.Offset = field.Value.Select(n => (double)n).ToArray();
            else if (field.Key == "columns")
                foreach (var column in (JObject)field.Value) points.Add(column.Key, Column(column.Value));
            else if (field.Key == "coordinate_type")
            {
                if (some && (int)points.CoordinateType != (int)Type(field.Value)) throw new Failed("the coordinates are "
                    + points.CoordinateType);
            }
            else if (field.Key != "x" && field.Key != "y" && field.Key != "z"
                && field.Key != "count") throw new Failed("points have no " + field.Key);
        }
        if (Has("expect_defaults"))
            foreach (var field in (JObject)step["expect_defaults"])
            {
                object value = null;
                if (field.Key == "coordinate_type") value = (int)points.CoordinateType;
                else if (field.Key == "count") value = points.Count;
                else if (field.Key == "resolution") value = points.Resolution;
                else if (field.Key == "scale") value = points.Scale;
                else if (field.Key == "offset") value = points.Offset;
                else if (field.Key == "column_count") value = points.ColumnNames.Count;
                else if (field.Key.EndsWith("stride_bytes")) value = 0;
                else if (field.Key == "struct_size") continue;
                Expect(value, field.Value);
            }
        return Give("points", points);
    }

    private static decimal Type(JToken token)
    {
        string text = token.Type == JTokenType.String ? (string)token : null;
        return text != null && !text.StartsWith("GROMA_") ? Constant("GROMA_TYPE_" + text) : Constant(token);
    }

    private Column Column(JToken token)
    {
        if (token.Type == JTokenType.String) return Groma.Column.Of(Tensor(token).ToArray());
        Tensor matrix = Tensor(token["tensor"]);
        return Groma.Column.Strided(matrix.ToArray(), (long)token["column"], matrix.Shape[1], matrix.Shape[0]);
    }

    public object Find(string reference)
    {
        object found;
        if (!reference.StartsWith("$") || !Case.Given.TryGetValue(reference.Substring(1),
            out found)) throw new Failed("nothing was given as " + reference);
        return found;
    }

    private static decimal Constant(JToken token)
    {
        if (token.Type == JTokenType.String)
        {
            FieldInfo field = typeof(Low).GetField((string)token);
            if (field == null) throw new Failed("no constant " + token);
            return Convert.ToDecimal(field.GetRawConstantValue());
        }
        return token.Type == JTokenType.Boolean ? ((bool)token ? 1 : 0) : (decimal)token;
    }

    /// <summary>Fails unless a value is what the step expects.</summary>
    public void Expect(object value, JToken expected)
    {
        if (value is bool) value = (bool)value ? 1 : 0;
        if (value is Enum) value = Convert.ToInt32(value);
        if (expected.Type == JTokenType.Null)
        {
            if (value != null) throw new Failed("the answer is " + value + ", expected none");
        }
        else if (expected.Type == JTokenType.Object) ExpectObject(value, (JObject)expected);
        else if (expected.Type == JTokenType.String && value is string)
        {
            if ((string)value != Case.Replace((string)expected))
                throw new Failed("the answer is “" + value + "”, expected “" + expected + "”");
        }
        else if (expected.Type == JTokenType.Array)
        {
            var items = ((IEnumerable)value).Cast<object>().ToArray();
            if (items.Length != expected.Count()) throw new Failed(items.Length + " items, expected " + expected.Count());
            for (int i = 0; i < items.Length; i++) Expect(items[i], expected[i]);
        }
        else
        {
            if (value == null) throw new Failed("there is no answer, expected " + expected);
            if (Convert.ToDouble(value) != (double)Constant(expected)) throw new Failed("the answer is " + value + ", expected "
                + expected);
        }
    }

    private void ExpectObject(object value, JObject expected)
    {
        double tolerance = expected["tolerance"] == null ? 0 : (double)expected["tolerance"];
        if (expected["tensor"] != null)
        {
            if (!(value is Tensor)) throw new Failed("the answer is no tensor");
            ((Tensor)value).Compare(Tensor(expected["tensor"]), tolerance);
        }
        else if (expected["json"] != null) Subset(JToken.Parse((string)value), expected["json"], "");
        else if (expected["contains"] != null)
        {
            if (value == null || !((string)value).Contains(Case.Replace((string)expected["contains"])))
                throw new Failed("“" + expected["contains"] + "” is not in “" + value + "”");
        }
        else if (expected["approx"] != null)
        {
            if (!(Math.Abs(Convert.ToDouble(value) - (double)expected["approx"]) <= tolerance))
                throw new Failed("the answer is " + value + ", expected " + expected["approx"]);
        }
        else if (expected["at_least"] != null)
        {
            if (!(Convert.ToDouble(value) >= (double)expected["at_least"])) throw new Failed("the answer is " + value
                + ", expected at least " + expected["at_least"]);
        }
        else if (expected["not_null"] != null)
        {
            if (value == null) throw new Failed("there is no answer");
        }
        else throw new Failed("unknown expectation " + expected);
    }

    private void Subset(JToken value, JToken expected, string place)
    {
        if (expected.Type == JTokenType.Object)
        {
            if (value.Type != JTokenType.Object) throw new Failed(place + " is no object");
            foreach (var entry in (JObject)expected)
            {
                if (value[entry.Key] == null) throw new Failed(place + "." + entry.Key + " is not there");
                Subset(value[entry.Key], entry.Value, place + "." + entry.Key);
            }
        }
        else if (expected.Type == JTokenType.Array)
        {
            if (value.Type != JTokenType.Array || value.Count() != expected.Count()) throw new Failed(place + " is " + value
                + ", expected " + expected);
            for (int i = 0; i < expected.Count(); i++) Subset(value[i], expected[i], place + "[" + i + "]");
        }
        else if (expected.Type == JTokenType.Integer || expected.Type == JTokenType.Float)
        {
            double a = (double)value, b = (double)expected;
            if (!(Math.Abs(a - b) <= 1e-9 * Math.Abs(b))) throw new Failed(place + " is " + a + ", expected " + b);
        }
        else if (expected.Type == JTokenType.String)
        {
            if (value.Type != JTokenType.String || (string)value != Case.Replace((string)expected)) throw new Failed(place
                + " is " + value + ", expected " + expected);
        }
        else if (!JToken.DeepEquals(value, expected)) throw new Failed(place + " is " + value + ", expected " + expected);
    }
}
