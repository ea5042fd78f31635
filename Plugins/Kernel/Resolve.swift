import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Names to addresses and back, by the system's resolver.
enum Resolve {
    static func resolve(
        _ slot: Slot,
        _ query: UnsafeMutablePointer<lamina_resolve_arguments>,
        _ request: Request
    ) -> lamina_status {
        query.pointee.count = 0
        var question = lamina_address()
        let length = strlen(query.pointee.name)
        guard (1...253).contains(length) else { return lamina_complete(slot, request, -ENOENT, 0) }
        question.form = UInt16(LAMINA_ADDRESS_NAME)
        question.port = query.pointee.port
        question.length = UInt32(length)
        withUnsafeMutableBytes(of: &question.storage) {
            $0.baseAddress?.copyMemory(from: query.pointee.name, byteCount: length)
        }
        return ask(.make(&question, family: query.pointee.family), query, slot, request)
    }

    static func reverse(
        _ slot: Slot,
        _ query: UnsafeMutablePointer<lamina_reverse_arguments>,
        _ request: Request
    ) -> lamina_status {
        guard query.pointee.address.form == UInt16(LAMINA_ADDRESS_SOCKET) else {
            return lamina_complete(slot, request, -EINVAL, 0)
        }
        let job = UnsafeMutablePointer<ResolveJob>.make(&query.pointee.address, family: AF_UNSPEC)
        job?.pointee.isReverse = true
        job?.pointee.flags = Int32(bitPattern: query.pointee.flags)
        return ask(job, query, slot, request)
    }

    private static func ask(
        _ made: UnsafeMutablePointer<ResolveJob>?,
        _ query: UnsafeMutableRawPointer,
        _ slot: Slot,
        _ request: Request
    ) -> lamina_status {
        guard let job = made else { return lamina_complete(slot, request, -ENOMEM, 0) }
        job.pointee.query = query
        if job.runNumeric() { return complete(job, slot, request) }
        job.pointee.waiter = .request(slot, request)
        request.pointee.owner.0 = UnsafeMutableRawPointer(job)
        let held = slot.upcalls.hold(slot, request) { slot, request in
            request.pointee.owner.0?.assumingMemoryBound(to: ResolveJob.self).abandon()
            _ = lamina_complete(slot, request, lamina_cancel_status(request), 0)
        }
        guard held == 0 else {
            job.discard()
            return lamina_complete(slot, request, held, 0)
        }
        let status = ResolverPool.submit(job)
        guard status < 0 else { return LAMINA_PENDING }
        if lamina_request_claim(request) != 0 {
            job.pointee.status = status
            _ = complete(job, slot, request)
        }
        return LAMINA_PENDING
    }

    /// Writes the answer, gives the job back and completes the request.
    @discardableResult
    static func complete(_ job: UnsafeMutablePointer<ResolveJob>, _ slot: Slot, _ request: Request) -> lamina_status {
        let status = job.pointee.status
        var count = 0
        if status == 0, let query = job.pointee.query {
            if job.pointee.isReverse {
                write(job.pointee.name, to: query.assumingMemoryBound(to: lamina_reverse_arguments.self))
            } else {
                count = write(job, to: query.assumingMemoryBound(to: lamina_resolve_arguments.self))
            }
        }
        job.discard()
        return lamina_complete(slot, request, status, UInt64(count))
    }

    private static func write(
        _ job: UnsafeMutablePointer<ResolveJob>,
        to query: UnsafeMutablePointer<lamina_resolve_arguments>
    ) -> Int {
        guard let addresses = job.pointee.addresses else { return 0 }
        let count = min(job.pointee.count, Int(query.pointee.capacity))
        for index in 0..<count { query.pointee.addresses[index] = addresses[index] }
        query.pointee.count = UInt32(count)
        return count
    }

    private static func write(
        _ name: UnsafeMutablePointer<CChar>?,
        to query: UnsafeMutablePointer<lamina_reverse_arguments>
    ) {
        guard let name else { return }
        withUnsafeMutableBytes(of: &query.pointee.name) { memory in
            memory.copyMemory(from: UnsafeRawBufferPointer(start: name, count: min(strlen(name) + 1, memory.count)))
        }
    }
}
