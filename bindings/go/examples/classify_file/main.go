// Classifies a LAS, LAZ or COPC file with the default model: classify_file INPUT OUTPUT
//
// Ctrl-C stops it within a fraction of a second, and leaves no output.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"groma"
)

var stages = [...]string{"start", "read", "ground", "features", "inference", "write", "filter"}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: classify_file INPUT OUTPUT")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1], os.Args[2])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\nclassify_file:", err)
		var failed *groma.Error
		if errors.As(err, &failed) {
			fmt.Fprintf(os.Stderr, "(status %d, %s)\n", int(failed.Status), failed.Status.String())
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, input, output string) error {
	model, err := groma.OpenDefaultModel()
	if err != nil {
		return err
	}
	defer model.Close()

	options := groma.DefaultClassifyOptions()
	options.Progress = func(stage groma.Stage, done, total uint64) error {
		fmt.Fprintf(os.Stderr, "\r%-10s %d of %d points ", stages[stage], done, total)
		return nil
	}
	summary, err := model.ClassifyFile(ctx, input, output, options)
	if err != nil {
		return err
	}
	defer summary.Close()

	fmt.Fprintln(os.Stderr)
	fmt.Printf("%d points in %.1f s, mean confidence %.3f\n",
		summary.Points(), summary.Total().Seconds(), summary.MeanConfidence())
	for asprs := 0; asprs < 256; asprs++ {
		if points := summary.ClassPoints(uint8(asprs)); points > 0 {
			fmt.Printf("class %3d %12d\n", asprs, points)
		}
	}
	return nil
}
