//! Prints the allocations per request. It is its own program, because a counting allocator would slow down
//! the others.

fn main() {
    peers::allocations(|run| allocation_counter::measure(run).count_total);
}
