public import CLamina
import Glibc

/// The entries `resolve` and `reverse_resolve` by the system's resolver: numbers are answered at once, the rest on a
/// thread of `ResolverPool`.
public enum SystemResolver {
    /// The entry `resolve`.
    public static func resolve(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ query: UnsafeMutablePointer<lamina_resolve_arguments>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        query.pointee.count = 0
        guard var question = lamina_address(asking: query.pointee) else {
            return lamina_complete(slot, request, -ENOENT, 0)
        }
        let flags = Int32(bitPattern: query.pointee.flags)
        let job = UnsafeMutablePointer<ResolveJob>.make(&question, family: query.pointee.family, flags: flags)
        return ask(job, query, slot, request)
    }

    /// The entry `reverse_resolve`.
    public static func reverse(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ query: UnsafeMutablePointer<lamina_reverse_arguments>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        let address = query.field(\.address)
        guard address.pointee.form == UInt16(LAMINA_ADDRESS_SOCKET) else {
            return lamina_complete(slot, request, -EINVAL, 0)
        }
        guard [AF_INET, AF_INET6].contains(Int32(address.socket.pointee.sa_family)) else {
            return lamina_complete(slot, request, -EAFNOSUPPORT, 0)
        }
        let flags = Int32(bitPattern: query.pointee.flags)
        let job = UnsafeMutablePointer<ResolveJob>.make(address, family: AF_UNSPEC, flags: flags)
        job?.pointee.isReverse = true
        return ask(job, query, slot, request)
    }

    private static func ask(
        _ made: UnsafeMutablePointer<ResolveJob>?,
        _ query: UnsafeMutableRawPointer,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let job = made else { return lamina_complete(slot, request, -ENOMEM, 0) }
        job.pointee.query = query
        if job.runNumeric() { return complete(job, slot, request) }
        job.pointee.waiter = .request(slot, request)
        request.pointee.owner.0 = UnsafeMutableRawPointer(job)
        let held = slot.pointee.column.pointee.upcalls.pointee.hold(slot, request) { slot, request in
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
    static func complete(
        _ job: UnsafeMutablePointer<ResolveJob>,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
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
        if let room = query.pointee.canonical, let name = job.pointee.name {
            let length = strlen(name)
            if length < Int(LAMINA_NAME_CAPACITY) { room.update(from: name, count: length + 1) }
        }
        return count
    }

    private static func write(
        _ name: UnsafeMutablePointer<CChar>?,
        to query: UnsafeMutablePointer<lamina_reverse_arguments>
    ) {
        guard let name else { return }
        let length = min(strlen(name) + 1, Int(LAMINA_NAME_CAPACITY))
        UnsafeMutableRawPointer(query.field(\.name)).copyMemory(from: name, byteCount: length)
    }
}

extension lamina_address {
    /// The name and port that `resolve` is asked for, in the form `LAMINA_ADDRESS_NAME`. Nil where the name is empty or
    /// longer than 253 bytes, which no name is: -ENOENT. Never blocks or allocates; any thread.
    public init?(asking query: lamina_resolve_arguments) {
        let length = strlen(query.name)
        guard (1...253).contains(length) else { return nil }
        self.init()
        form = UInt16(LAMINA_ADDRESS_NAME)
        port = query.port
        self.length = UInt32(length)
        withUnsafeMutableBytes(of: &storage) { storage in
            storage.copyMemory(from: UnsafeRawBufferPointer(start: query.name, count: length))
        }
    }
}
