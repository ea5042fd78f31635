import CLamina
import CWinsockKernel
import Glibc

/// The pieces of memory of a WSK_BUF.
enum Buffers {
    /// How many pieces there are from the offset on, up to the length. Nil: the chain is too short, the offset lies
    /// beyond the first MDL, or an MDL has no memory.
    private static func count(_ buffer: WSK_BUF) -> Int? {
        if buffer.Length == 0 { return buffer.Mdl == nil || buffer.Offset <= buffer.Mdl.pointee.ByteCount ? 0 : nil }
        guard var mdl = buffer.Mdl, buffer.Offset <= mdl.pointee.ByteCount else { return nil }
        var count = 0
        var left = buffer.Length
        var offset = Int(buffer.Offset)
        while true {
            let bytes = min(Int(mdl.pointee.ByteCount) - offset, left)
            if bytes > 0 {
                guard memory(of: mdl) != nil else { return nil }
                count += 1
                left -= bytes
            }
            if left == 0 { return count }
            guard let next = mdl.pointee.Next else { return nil }
            mdl = next
            offset = 0
        }
    }

    private static func fill(_ buffer: WSK_BUF, _ pieces: UnsafeMutableBufferPointer<lamina_buffer>) {
        var mdl = buffer.Mdl
        var left = buffer.Length
        var offset = Int(buffer.Offset)
        var index = 0
        while let current = mdl, left > 0 {
            let bytes = min(Int(current.pointee.ByteCount) - offset, left)
            if bytes > 0 {
                pieces[index] = lamina_buffer(base: memory(of: current).map { $0 + offset }, length: bytes)
                index += 1
                left -= bytes
            }
            mdl = current.pointee.Next
            offset = 0
        }
    }

    /// Runs `body` with the pieces of `buffer`, at least one, which may be empty. Nil: the buffer isn't valid.
    @inline(__always)
    static func with<Result>(
        _ buffer: WSK_BUF,
        _ body: (UnsafePointer<lamina_buffer>, UInt32) -> Result
    ) -> Result? {
        guard let count = count(buffer) else { return nil }
        return withUnsafeTemporaryAllocation(of: lamina_buffer.self, capacity: max(count, 1)) { pieces in
            guard let first = pieces.baseAddress else { return nil }
            first.initialize(repeating: lamina_buffer(), count: pieces.count)
            fill(buffer, pieces)
            return body(UnsafePointer(first), UInt32(count))
        }
    }

    /// Writes the pieces of `buffer` to new memory, freed by `free`. Nil: the buffer isn't valid.
    static func copy(_ buffer: WSK_BUF) -> (UnsafeMutablePointer<lamina_buffer>, Int)? {
        guard let count = count(buffer),
            let memory = calloc(max(count, 1), MemoryLayout<lamina_buffer>.stride)
        else { return nil }
        let pieces = memory.bindMemory(to: lamina_buffer.self, capacity: max(count, 1))
        fill(buffer, UnsafeMutableBufferPointer(start: pieces, count: count))
        return (pieces, count)
    }
}

/// Socket addresses of clients.
enum Addresses {
    /// Writes a client's address in the chain's form. False: there is none, or its family isn't known.
    static func read(_ source: PSOCKADDR?, _ target: UnsafeMutablePointer<lamina_address>) -> Bool {
        guard let source, let length = length(of: source) else { return false }
        target.pointee.form = UInt16(LAMINA_ADDRESS_SOCKET)
        target.pointee.port = 0
        target.pointee.length = UInt32(length)
        withUnsafeMutableBytes(of: &target.pointee.storage) { $0.copyMemory(from: .init(start: source, count: length)) }
        return true
    }

    static func length(of address: PSOCKADDR) -> Int? {
        switch Int32(address.pointee.sa_family) {
        case AF_INET: MemoryLayout<sockaddr_in>.size
        case AF_INET6: MemoryLayout<sockaddr_in6>.size
        default: nil
        }
    }

    /// Writes an address of the chain's where the client wants it; for another family than IP, its family alone.
    static func write(_ source: UnsafePointer<lamina_address>, _ target: UnsafeMutableRawPointer?) {
        guard let target else { return }
        guard source.pointee.form == UInt16(LAMINA_ADDRESS_SOCKET), source.pointee.length >= 2 else {
            target.storeBytes(of: 0, as: UInt16.self)
            return
        }
        let family = Int32(source.pointee.storage.socket.sa_family)
        let length = family == AF_INET ? 16 : family == AF_INET6 ? 28 : 2
        withUnsafeBytes(of: source.pointee.storage) { bytes in
            UnsafeMutableRawBufferPointer(start: target, count: length).copyMemory(
                from: .init(rebasing: bytes[..<length])
            )
        }
    }
}
