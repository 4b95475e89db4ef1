//! The allocator of plugins of the typed worlds: the standard library's, but its first half MiB is
//! part of the module's memory from the start.
//!
//! Each call of a plugin runs in a fresh instance. An allocator that begins by growing the memory
//! makes the host change the protection of pages twice in every call, which stops all of its
//! threads for a moment; most calls need less than is here and grow nothing.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::{Cell, UnsafeCell};

use dlmalloc::{Allocator, Dlmalloc};

const ARENA_BYTES: usize = 512 << 10;
const PAGE_BYTES: usize = 64 << 10;

/// Zeros, so that it takes no room in the module.
#[repr(C, align(16))]
struct Arena(UnsafeCell<[u8; ARENA_BYTES]>);

// SAFETY: modules of these worlds have one thread: the host refuses shared memory.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; ARENA_BYTES]));

/// Gives out the arena from its start, then pages of the memory.
struct Pages {
    given: Cell<usize>,
}

// SAFETY: each byte is given out once and never taken back: `given` only grows within the arena,
// and `memory_grow` answers with pages that nobody had before.
unsafe impl Allocator for Pages {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let start = self.given.get();
        if size <= ARENA_BYTES - start {
            self.given.set(start + size);
            // SAFETY: `start + size` is within the arena.
            return (unsafe { ARENA.0.get().cast::<u8>().add(start) }, size, 0);
        }
        let pages = size.div_ceil(PAGE_BYTES);
        match core::arch::wasm32::memory_grow(0, pages) {
            usize::MAX => (core::ptr::null_mut(), 0, 0),
            page => ((page * PAGE_BYTES) as *mut u8, pages * PAGE_BYTES, 0),
        }
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        core::ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE_BYTES
    }
}

struct Global(UnsafeCell<Dlmalloc<Pages>>);

// SAFETY: one thread, as above.
unsafe impl Sync for Global {}

#[global_allocator]
static GLOBAL: Global = Global(UnsafeCell::new(Dlmalloc::new_with_allocator(Pages {
    given: Cell::new(0),
})));

// SAFETY: every method hands its arguments to dlmalloc, whose contract is the same. The exclusive
// reference lasts for one call of dlmalloc, which calls back only into `Pages`, and there is one
// thread.
unsafe impl GlobalAlloc for Global {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        unsafe { (*self.0.get()).free(address, layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, address: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe { (*self.0.get()).realloc(address, layout.size(), layout.align(), size) }
    }
}
