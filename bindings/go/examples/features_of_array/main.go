// Computes features of points: features_of_array SCHEMA < points.txt > features.csv
//
// Reads lines of x, y and z in metres; SCHEMA names columns or a set of them, as "planarity@k20, height_above_ground".
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"groma"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: features_of_array SCHEMA < points.txt > features.csv")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "features_of_array:", err)
		os.Exit(1)
	}
}

func run(schema string, input io.Reader, output io.Writer) error {
	xyz, err := numbers(input)
	if err != nil {
		return err
	}
	points := groma.InterleavedXYZ(xyz)
	points.Resolution = 0.01 // of the data; nothing moves
	features, err := groma.ComputeFeatures(context.Background(), points, schema, nil)
	if err != nil {
		return err
	}
	defer features.Close()

	table := bufio.NewWriter(output)
	fmt.Fprint(table, strings.Join(features.Columns(), ","))
	for i := 0; i < features.Rows(); i++ {
		separator := "\n"
		for _, value := range features.Row(i) {
			fmt.Fprintf(table, "%s%.9g", separator, value)
			separator = ","
		}
	}
	fmt.Fprintln(table)
	return table.Flush()
}

func numbers(input io.Reader) ([]float64, error) {
	words := bufio.NewScanner(input)
	words.Split(bufio.ScanWords)
	var values []float64
	for words.Scan() {
		value, err := strconv.ParseFloat(words.Text(), 64)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, words.Err()
}
