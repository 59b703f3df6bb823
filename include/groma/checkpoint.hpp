/// Checkpoints: named tensors in a safetensors file, with the state of a training.
#ifndef GROMA_CHECKPOINT_HPP
#define GROMA_CHECKPOINT_HPP

#include "core.hpp"
#include "value.hpp"

namespace groma {

/// A part of a checkpoint.
enum class Section : std::int32_t {
    weights = GROMA_SECTION_WEIGHTS,
    optimizer = GROMA_SECTION_OPTIMIZER,
    scheduler = GROMA_SECTION_SCHEDULER,
};

/// Named tensors in sections, and what is said of them.
class Checkpoint : public detail::Owned<groma_checkpoint_t, groma_checkpoint_destroy> {
public:
    using Owned::Owned;

    /// An empty one. `metadata_json` is an object with any of `schema_hash`, `classes`, `training_data`, `version`, `step`,
    /// `extra`; empty for none.
    static Checkpoint create(const std::string &metadata_json = {}) {
        return detail::make<Checkpoint>([&](groma_checkpoint_t **checkpoint, groma_error_t **error) {
            return groma_checkpoint_create(detail::or_null(metadata_json), checkpoint, error);
        });
    }

    /// Opens a safetensors file.
    static Checkpoint open(const Path &path) {
        return detail::make<Checkpoint>([&](groma_checkpoint_t **checkpoint, groma_error_t **error) {
            return groma_checkpoint_open(path.c_str(), checkpoint, error);
        });
    }

    /// Adds a tensor, whose memory is shared.
    void add(Section section, const std::string &name, const Value &value) {
        detail::call([&](groma_error_t **error) {
            return groma_checkpoint_add(c(), static_cast<std::int32_t>(section), detail::c_str(name), value.c(), error);
        });
    }

    /// Writes a safetensors file, which appears whole or not at all.
    void save(const Path &path, bool overwrite = false) const {
        detail::call([&](groma_error_t **error) { return groma_checkpoint_save(c(), path.c_str(), overwrite, error); });
    }

    /// Number of tensors of a section.
    std::size_t count(Section section) const noexcept {
        return static_cast<std::size_t>(groma_checkpoint_count(c(), static_cast<std::int32_t>(section)));
    }
    /// Name of tensor `index` of a section; an empty view with NULL `data()` if there is none.
    std::string_view name(Section section, std::size_t index) const noexcept {
        return detail::view(groma_checkpoint_name(c(), static_cast<std::int32_t>(section), index));
    }
    /// A tensor, which may outlive this.
    Value value(Section section, const std::string &name) const {
        return detail::make<Value>([&](groma_value_t **value, groma_error_t **error) {
            return groma_checkpoint_value(c(), static_cast<std::int32_t>(section), detail::c_str(name), value, error);
        });
    }
    /// What is said of the tensors, as a JSON object.
    std::string_view metadata_json() const noexcept { return detail::view(groma_checkpoint_metadata_json(c())); }
};

} // namespace groma

#endif // GROMA_CHECKPOINT_HPP
