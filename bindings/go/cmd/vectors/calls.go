package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"groma"
)

var errStop = errors.New("the case stops here")

// function is what stands for a function of the header in this package.
type function func(*step) (reply, error)

// calls are all functions of the header.
var calls = map[string]function{}

func init() {
	for name := range defaults {
		calls[name] = initOptions
	}
	calls["groma_points_init"] = initPoints
	for _, table := range []map[string]function{basics, modelCalls, workCalls, fileCalls, valueCalls, networkCalls} {
		for name, function := range table {
			calls[name] = function
		}
	}
	for _, kind := range strings.Fields("error string cancel devices value network model result summary features ground " +
		"filtered filter_summary neighbors cloud checkpoint run") {
		kind := kind
		calls["groma_"+kind+"_destroy"] = func(s *step) (reply, error) { return destroy(s, kind) }
	}
}

// destroy closes what C destroys; errors and strings are Go's own.
func destroy(s *step, kind string) (reply, error) {
	parameter := map[string]string{"filter_summary": "summary"}[kind]
	if parameter == "" {
		parameter = kind
	}
	name := strings.TrimPrefix(s.arguments[parameter].(string), "$")
	thing, ok := s.run.things[name]
	if !ok {
		fault("nothing has given %s", name)
	}
	closeThing(thing)
	delete(s.run.things, name)
	return reply{}, nil
}

// at is an item of a list, or null.
func at(items []string, s *step) (reply, error) {
	index := s.whole("index")
	if index < 0 || index >= len(items) {
		return says(nil)
	}
	return says(items[index])
}

// deviceList is what groma_devices_list gives.
type deviceList struct {
	devices []groma.Device
	text    json.RawMessage
}

func device(s *step, field func(groma.Device) any, none any) (reply, error) {
	devices, index := get[*deviceList](s, "devices").devices, s.whole("index")
	if index >= len(devices) {
		return says(none)
	}
	return says(field(devices[index]))
}

// nullable is a string, or null for an empty one.
func nullable(text string, there bool) (reply, error) {
	if !there {
		return says(nil)
	}
	return says(text)
}

var basics = map[string]function{
	"groma_abi_version": func(s *step) (reply, error) {
		major, minor := groma.ABIVersion()
		return says(major<<16 | minor)
	},
	"groma_version":     func(s *step) (reply, error) { return says(groma.Version()) },
	"groma_status_name": func(s *step) (reply, error) { return says(groma.Status(s.whole("status")).String()) },
	"groma_error_code":  func(s *step) (reply, error) { return says(get[*groma.Error](s, "error").Status) },
	"groma_error_message": func(s *step) (reply, error) {
		return says(get[*groma.Error](s, "error").Message)
	},
	"groma_error_subject": func(s *step) (reply, error) {
		subject := get[*groma.Error](s, "error").Subject
		return nullable(subject, subject != "")
	},
	"groma_string_data": func(s *step) (reply, error) { return says(string(get[json.RawMessage](s, "string"))) },
	"groma_string_length": func(s *step) (reply, error) {
		return says(len(get[json.RawMessage](s, "string")))
	},
	"groma_runtime_load":      func(s *step) (reply, error) { return reply{}, groma.LoadRuntime(s.text("path")) },
	"groma_runtime_is_loaded": func(s *step) (reply, error) { return says(groma.RuntimeLoaded()) },
	"groma_runtime_use": func(s *step) (reply, error) {
		base, err := apiBase(s.text("ort_api_base"))
		if err != nil {
			return reply{}, mistake{err.Error()}
		}
		return reply{}, groma.UseRuntime(base)
	},
	"groma_runtime_describe": func(s *step) (reply, error) {
		text, err := groma.DescribeRuntime()
		return gives("json", text, err)
	},
	"groma_doctor_json": func(s *step) (reply, error) {
		text, err := groma.Doctor()
		return gives("json", text, err)
	},
	"groma_log_set": func(s *step) (reply, error) {
		level := groma.LogLevel(s.whole("level"))
		if s.arguments["callback"] == nil {
			return reply{}, groma.SetLog(nil, level)
		}
		return reply{}, groma.SetLog(func(_ groma.LogLevel, target, message string) {
			s.run.log = append(s.run.log, target+": "+message)
		}, level)
	},
	"groma_cancel_create": func(s *step) (reply, error) {
		cancel, err := groma.NewCancel()
		return gives("cancel", cancel, err)
	},
	"groma_cancel_trigger": func(s *step) (reply, error) {
		get[*groma.Cancel](s, "cancel").Trigger()
		return reply{}, nil
	},
	"groma_cancel_is_triggered": func(s *step) (reply, error) {
		return says(get[*groma.Cancel](s, "cancel").IsTriggered())
	},
	"groma_devices_list": func(s *step) (reply, error) {
		devices, err := groma.Devices()
		if err != nil {
			return reply{}, err
		}
		text, err := groma.DevicesJSON()
		return gives("devices", &deviceList{devices, text}, err)
	},
	"groma_devices_count": func(s *step) (reply, error) { return says(len(get[*deviceList](s, "devices").devices)) },
	"groma_devices_name": func(s *step) (reply, error) {
		return device(s, func(d groma.Device) any { return d.Name }, nil)
	},
	"groma_devices_description": func(s *step) (reply, error) {
		return device(s, func(d groma.Device) any { return d.Description }, nil)
	},
	"groma_devices_memory_total_bytes": func(s *step) (reply, error) {
		return device(s, func(d groma.Device) any { return d.MemoryTotalBytes }, 0)
	},
	"groma_devices_memory_free_bytes": func(s *step) (reply, error) {
		return device(s, func(d groma.Device) any { return d.MemoryFreeBytes }, 0)
	},
	"groma_devices_fits": func(s *step) (reply, error) {
		bytes := uint64(s.number("bytes"))
		return device(s, func(d groma.Device) any {
			if d.Fits(bytes) {
				return 1
			}
			return 0
		}, 0)
	},
	"groma_devices_least_loaded": func(s *step) (reply, error) {
		name, err := groma.LeastLoaded()
		if err != nil {
			return reply{}, err
		}
		return says(name)
	},
	"groma_devices_json": func(s *step) (reply, error) { return says(string(get[*deviceList](s, "devices").text)) },
}

var modelCalls = map[string]function{
	"groma_model_open": func(s *step) (reply, error) {
		model, err := groma.OpenModel(s.text("path"))
		return gives("model", model, err)
	},
	"groma_model_open_with": func(s *step) (reply, error) {
		model, err := groma.OpenModelWith(s.text("path"), get[*groma.ModelOptions](s, "options"))
		return gives("model", model, err)
	},
	"groma_model_open_memory": func(s *step) (reply, error) {
		model, err := groma.OpenModelMemory(s.text("name"), s.bytes("data"), s.text("manifest_json"))
		return gives("model", model, err)
	},
	"groma_model_open_memory_with": func(s *step) (reply, error) {
		options := get[*groma.ModelOptions](s, "options")
		model, err := groma.OpenModelMemoryWith(s.text("name"), s.bytes("data"), options)
		return gives("model", model, err)
	},
	"groma_model_open_default": func(s *step) (reply, error) {
		model, err := groma.OpenDefaultModel()
		return gives("model", model, err)
	},
	"groma_model_open_default_with": func(s *step) (reply, error) {
		model, err := groma.OpenDefaultModelWith(get[*groma.ModelOptions](s, "options"))
		return gives("model", model, err)
	},
	"groma_model_open_ensemble": func(s *step) (reply, error) {
		var models []*groma.Model
		for _, reference := range s.list("models") {
			models = append(models, named[*groma.Model](s.run, reference))
		}
		var weights []float64
		for _, weight := range s.list("weights") {
			weights = append(weights, number(weight))
		}
		model, err := groma.OpenEnsemble(models, weights, groma.Combine(s.whole("combine")))
		return gives("model", model, err)
	},
	"groma_model_name":          func(s *step) (reply, error) { return says(get[*groma.Model](s, "model").Name()) },
	"groma_model_class_count":   func(s *step) (reply, error) { return says(len(get[*groma.Model](s, "model").Classes())) },
	"groma_model_class_name":    func(s *step) (reply, error) { return at(get[*groma.Model](s, "model").Classes(), s) },
	"groma_model_manifest_json": func(s *step) (reply, error) { return says(string(get[*groma.Model](s, "model").Manifest())) },
	"groma_model_describe_json": func(s *step) (reply, error) { return says(string(get[*groma.Model](s, "model").Describe())) },
	"groma_model_batches_json": func(s *step) (reply, error) {
		text, err := get[*groma.Model](s, "model").Batches()
		return gives("json", text, err)
	},
	"groma_model_metadata": func(s *step) (reply, error) {
		return nullable(get[*groma.Model](s, "model").Metadata(s.text("key")))
	},
	"groma_classify_points": func(s *step) (reply, error) {
		options := get[*groma.ClassifyOptions](s, "options")
		result, err := get[*groma.Model](s, "model").Classify(context.Background(), get[*groma.Points](s, "points"), options)
		return gives("result", result, err)
	},
	"groma_embed_points": func(s *step) (reply, error) {
		model, points := get[*groma.Model](s, "model"), get[*groma.Points](s, "points")
		options := get[*groma.ClassifyOptions](s, "options")
		value, err := model.Embed(context.Background(), points, s.text("tensor"), options)
		return gives("embeddings", value, err)
	},
	"groma_result_count":       func(s *step) (reply, error) { return says(get[*groma.Result](s, "result").Len()) },
	"groma_result_class_count": func(s *step) (reply, error) { return says(get[*groma.Result](s, "result").ClassCount()) },
	"groma_result_classes":     func(s *step) (reply, error) { return says(row(get[*groma.Result](s, "result").Classes())) },
	"groma_result_asprs":       func(s *step) (reply, error) { return says(row(get[*groma.Result](s, "result").ASPRS())) },
	"groma_result_confidence":  func(s *step) (reply, error) { return says(row(get[*groma.Result](s, "result").Confidence())) },
	"groma_result_entropy":     func(s *step) (reply, error) { return says(row(get[*groma.Result](s, "result").Entropy())) },
	"groma_result_probabilities": func(s *step) (reply, error) {
		result := get[*groma.Result](s, "result")
		return says(matrix(result.Probabilities(), int64(result.Len()), int64(result.ClassCount())))
	},
	"groma_result_tensor": func(s *step) (reply, error) {
		tensor, err := get[*groma.Result](s, "result").Tensor(groma.Output(s.whole("output")))
		if err != nil {
			return reply{}, err
		}
		return says(described(tensor))
	},
	"groma_result_value": func(s *step) (reply, error) {
		value, err := get[*groma.Result](s, "result").Value(groma.Output(s.whole("output")))
		return gives("value", value, err)
	},
	"groma_result_confident": func(s *step) (reply, error) {
		mask, rows, err := get[*groma.Result](s, "result").Confident(float32(s.number("min_confidence")))
		if err != nil {
			return reply{}, err
		}
		return reply{gives: map[string]any{"mask": mask, "rows": rows}}, nil
	},
}
