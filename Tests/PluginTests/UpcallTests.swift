import CLamina
import CLinux
import Glibc
import Lamina
import Synchronization
import TestSupport
import Testing

/// What providers get for descriptors, events and threads of their own.
@Suite struct UpcallTests {
    private func socket() throws -> (Socket, lamina_upcalls) {
        let socket = try BaseProvider.kernel.chain().open(.datagram())
        return (socket, socket.handle.slot.pointee.column.pointee.upcalls.pointee)
    }

    private func find(_ descriptor: Int32, _ upcalls: lamina_upcalls) -> (lamina_status, Int?, UInt64, Int?) {
        var slot: UnsafeMutablePointer<lamina_slot>?
        var (generation, context) = (UInt64(0), UnsafeMutableRawPointer?.none)
        let status = upcalls.descriptor_context(descriptor, &slot, &generation, &context)
        return (status, slot.map { Int(bitPattern: $0) }, generation, context.map { Int(bitPattern: $0) })
    }

    @Test(
        "A descriptor leads to its slot by what the kernel knows it by, not by its number, until the socket has closed"
    )
    func descriptors() throws {
        let (socket, upcalls) = try socket()
        let slot = socket.handle.slot
        var ends: [Int32] = [-1, -1]
        #expect(
            upcalls.create_descriptor(slot, Int32(SOCK_STREAM.rawValue), UnsafeMutableRawPointer(bitPattern: 77), &ends)
                == 0
        )
        #expect(fcntl(ends[0], F_GETFD) & FD_CLOEXEC != 0 && fcntl(ends[1], F_GETFL) & O_NONBLOCK != 0)
        #expect(write(ends[0], "abc", 3) == 3)
        var room: [UInt8] = [0, 0, 0]
        #expect(read(ends[1], &room, 3) == 3 && room == Array("abc".utf8))
        let other = dup(ends[0])
        let found = find(other, upcalls)
        #expect(found == (0, Int(bitPattern: slot), socket.handle.generation, 77))
        #expect(find(ends[1], upcalls).0 == -ENOENT)
        // The number is given to something else; what it was leads where it led.
        var pipes: [Int32] = [-1, -1]
        #expect(clinux_pipe(&pipes) == 0)
        #expect(dup2(pipes[0], ends[0]) == ends[0])
        #expect(find(ends[0], upcalls).0 == -ENOENT)
        #expect(find(other, upcalls).0 == 0)
        // A descriptor that there was is claimed, and is something else than its pipe's other end by nothing but itself.
        let file = open("/dev/null", O_RDONLY | O_CLOEXEC)
        #expect(upcalls.claim_descriptor(slot, file, UnsafeMutableRawPointer(bitPattern: 5)) == 0)
        let again = dup(file)
        #expect(find(again, upcalls).3 == 5)
        #expect(upcalls.close_descriptor(again) == 0)
        #expect(fcntl(again, F_GETFD) < 0)
        #expect(find(file, upcalls).0 == -ENOENT)
        #expect(upcalls.close_descriptor(ends[0]) == -ENOENT)
        #expect(find(-1, upcalls).0 == -EBADF)
        try socket.waiting.close()
        #expect(find(other, upcalls).0 == -ENOENT)
        for descriptor in [other, ends[1], pipes[0], pipes[1], file] { close(descriptor) }
    }

    @Test("An event is readable while it is set")
    func events() throws {
        let (socket, upcalls) = try socket()
        let event = upcalls.create_event()
        var entry = pollfd(fd: event, events: Int16(POLLIN), revents: 0)
        #expect(poll(&entry, 1, 0) == 0)
        #expect(upcalls.set_event(event) == 0 && upcalls.set_event(event) == 0)
        #expect(poll(&entry, 1, 0) == 1)
        #expect(upcalls.reset_event(event) == 0)
        #expect(poll(&entry, 1, 0) == 0)
        // The number of a closed one may be another thread's by now.
        #expect(upcalls.close_event(event) == 0 && upcalls.close_event(-1) == -EBADF)
        try socket.waiting.close()
    }

    /// What one attached thread does and sees.
    private final class Seen: Sendable {
        let worker = Atomic<UInt>(0)
        let order = Mutex<[Int]>([])
        let refusal = Mutex<Int32>(0)
    }

    private final class Work {
        let number: Int
        let seen: Seen
        init(_ number: Int, _ seen: Seen) {
            self.number = number
            self.seen = seen
        }
    }

    @Test(
        "A provider's own thread runs what is queued to it in order, may complete requests, and doesn't wait for itself"
    )
    func workers() throws {
        let (socket, upcalls) = try socket()
        try socket.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        let seen = Seen()
        let helper = Helper {
            guard let worker = upcalls.attach_thread() else { throw TestFailure("no worker") }
            seen.worker.store(UInt(bitPattern: worker), ordering: .releasing)
            do throws(LaminaError) { _ = try socket.waiting.receiveDatagram(deadline: soon()) } catch {
                seen.refusal.withLock { $0 = error.errno }
            }
            var count: Int32 = 0
            while count < 3 { count += upcalls.wait_for_work(worker, soon()) }
            let past = upcalls.wait_for_work(worker, 1)
            seen.order.withLock { $0.append(Int(past) - 100) }
            upcalls.detach_thread(worker)
        }
        while seen.worker.load(ordering: .acquiring) == 0 { sched_yield() }
        let worker = try #require(OpaquePointer(bitPattern: seen.worker.load(ordering: .acquiring)))
        for number in 1...2 {
            let work = Unmanaged.passRetained(Work(number, seen)).toOpaque()
            let queued = upcalls.queue_work(
                worker,
                { context in
                    guard let context else { return }
                    let work = Unmanaged<Work>.fromOpaque(context).takeRetainedValue()
                    work.seen.order.withLock { $0.append(work.number) }
                },
                work
            )
            #expect(queued == 0)
        }
        // A request that a level holds, completed on that thread.
        let ended = try socket.perform { handle, request in
            let slot = handle.slot + 1
            let held = upcalls.hold(slot, request) { slot, request in
                _ = lamina_complete(slot, request, -ECANCELED, 0)
            }
            guard held == 0 else { return lamina_complete(slot, request, held, 0) }
            request.pointee.owner.0 = UnsafeMutableRawPointer(slot)
            _ = upcalls.queue_work(
                worker,
                { context in
                    guard let request = context?.assumingMemoryBound(to: lamina_request.self),
                        let slot = request.pointee.owner.0?.assumingMemoryBound(to: lamina_slot.self),
                        lamina_request_claim(request) != 0
                    else { return }
                    _ = lamina_complete(slot, request, 0, 42)
                },
                request
            )
            return LAMINA_PENDING
        }
        #expect(ended.status == 0 && ended.bytes == 42)
        try helper.join()
        #expect(seen.order.withLock { $0 } == [1, 2, -100])
        #expect(seen.refusal.withLock { $0 } == EDEADLK)
        try socket.waiting.close()
    }
}
