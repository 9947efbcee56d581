"""The metric history: readings in compressed chunks, downsampled to minutes, bounded by age and size."""
