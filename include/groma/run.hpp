/// Runs over many tiles: classified as one survey, at once or tile by tile.
#ifndef GROMA_RUN_HPP
#define GROMA_RUN_HPP

#include "classify.hpp"
#include "core.hpp"
#include "job.hpp"
#include "model.hpp"

#include <string>
#include <vector>

namespace groma {

/// How to run. Threads, progress and flag are those of the call that the options are given to; all else is settled when the run
/// is opened.
struct RunOptions {
    /// Keep outputs of an earlier run into the folder that are right.
    bool resume = false;
    /// Go on with the other tiles when one fails, instead of finishing those that were begun.
    bool skip_failed = false;
    /// Take tiles that state no reference system as being in that of the others, instead of refusing them.
    bool assume_crs = false;
    /// Keep the indices when all tiles are done.
    bool keep_index = false;
    /// Number of the shard, from 1, and how many there are; 0 and 0 for all tiles.
    std::uint32_t shard_number = 0;
    /// See `shard_number`.
    std::uint32_t shard_count = 0;
    /// Worker threads; 0 for one a core. The result does not depend on it.
    std::uint32_t threads = 0;
    /// Folder of the indices; empty for `.groma` in that of the outputs.
    std::string work = {};
    /// Called with the progress.
    Progress progress = {};
    /// A flag that may stop the call; NULL for none.
    const Cancel *cancel = nullptr;

    /// As groma.h wants them, without progress and cancel; lives as long as this.
    groma_run_options_t c() const {
        groma_run_options_t options;
        groma_run_options_init(&options, sizeof options);
        options.resume = resume;
        options.skip_failed = skip_failed;
        options.assume_crs = assume_crs;
        options.keep_index = keep_index;
        options.shard_number = shard_number;
        options.shard_count = shard_count;
        options.threads = threads;
        options.work = detail::or_null(work);
        return options;
    }
};

/// A run over tiles into a folder: each point gets the class that one file of all tiles would have given it. Outputs have the
/// names of their inputs and appear whole or not at all. Shared: several threads may use it, and processes share the folder.
///
///     auto run = groma::Run::open(model, {"tiles"}, "classified");
///     std::cout << run.execute().json() << "\n";
class Run : public detail::Owned<groma_run_t, groma_run_destroy> {
public:
    using Owned::Owned;

    /// Looks at the headers of tiles: files, folders, or patterns (`north_*.laz`). `classify` says what is written.
    static Run open(const Model &model, const std::vector<std::string> &inputs, const Path &output,
                    const ClassifyOptions &classify = {}, const RunOptions &options = {}) {
        std::string lines;
        for (const std::string &input : inputs) lines += (lines.empty() ? "" : "\n") + input;
        groma_classify_options_t written = classify.c();
        groma_run_options_t c = options.c();
        return detail::make<Run>([&](groma_run_t **run, groma_error_t **error) {
            return groma_run_open(model.c(), detail::c_str(lines), output.c_str(), &written, &c, run, error);
        });
    }

    /// Number of tiles, those of other shards included.
    std::uint64_t tile_count() const noexcept { return groma_run_tile_count(c()); }

    /// What is known of the run, as JSON: its reference system, remarks, and tiles with input, output, bounds and points.
    std::string describe() const {
        return detail::string([&](groma_string_t **json, groma_error_t **error) { return groma_run_describe(c(), json, error); });
    }

    /// Makes the index of a tile (from 0), if it is not there.
    void index(std::uint64_t tile, const RunOptions &options = {}) const {
        detail::Watch watch(options.progress);
        groma_run_options_t terms = options.c();
        watch.attach(terms, options.cancel);
        watch.call([&](groma_error_t **error) { return groma_run_index(c(), tile, &terms, error); });
    }

    /// Makes a tile (from 0), if it is not there; indices that are missing are made first.
    Summary tile(std::uint64_t tile, const RunOptions &options = {}) const {
        detail::Watch watch(options.progress);
        groma_run_options_t terms = options.c();
        watch.attach(terms, options.cancel);
        return watch.make<Summary>([&](groma_summary_t **summary, groma_error_t **error) {
            return groma_run_tile(c(), tile, &terms, summary, error);
        });
    }

    /// Ends a run whose tiles were made by `tile`, once nobody is at work on them: removes what makers that were lost left in the
    /// folder and, if all outputs are there, the larger part of the indices.
    void finish() const {
        detail::call([&](groma_error_t **error) { return groma_run_finish(c(), error); });
    }

    /// Makes all tiles of the run, or of its shard. Tiles that fail throw nothing: the summary's JSON has them, with reasons.
    Summary execute(const RunOptions &options = {}) const {
        detail::Watch watch(options.progress);
        groma_run_options_t terms = options.c();
        watch.attach(terms, options.cancel);
        return watch.make<Summary>([&](groma_summary_t **summary, groma_error_t **error) {
            return groma_run_execute(c(), &terms, summary, error);
        });
    }
};

} // namespace groma

#endif // GROMA_RUN_HPP
