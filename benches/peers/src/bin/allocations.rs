//! Prints the allocations per request. A program of its own: an allocator that counts would slow the others.

fn main() {
    peers::allocations(|run| allocation_counter::measure(run).count_total);
}
