public import CLamina
import Glibc

/// How a base answers one control operation: 0 or a negative errno, and the bytes that it wrote.
public struct ControlAnswer {
    /// 0 or a negative errno.
    public let status: Int32
    /// Bytes of output; with -ENOBUFS, the bytes that are needed.
    public let bytes: Int

    /// An answer without output.
    public init(_ status: Int32, bytes: Int = 0) {
        self.status = status
        self.bytes = bytes
    }

    /// Completes the request with it.
    public func complete(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        lamina_complete(slot, request, status, UInt64(bytes))
    }

    /// Writes a plain value. -EINVAL: the output has no room for it.
    public static func value<Value>(_ value: Value, _ asked: lamina_operation) -> ControlAnswer {
        let size = MemoryLayout<Value>.size
        guard let output = asked.output, asked.output_capacity >= size else { return ControlAnswer(-EINVAL) }
        withUnsafePointer(to: value) { output.copyMemory(from: $0, byteCount: size) }
        return ControlAnswer(0, bytes: size)
    }

    /// Writes bytes. -ENOBUFS: there is too little room for all of them.
    static func bytes(_ bytes: [UInt8], _ asked: lamina_operation) -> ControlAnswer {
        guard !bytes.isEmpty else { return ControlAnswer(0) }
        guard let output = asked.output, asked.output_capacity >= bytes.count else {
            return ControlAnswer(-ENOBUFS, bytes: bytes.count)
        }
        output.copyMemory(from: bytes, byteCount: bytes.count)
        return ControlAnswer(0, bytes: bytes.count)
    }

    /// Sorts the input's addresses into the output (`LAMINA_IOCTL_ADDRESS_LIST_SORT`). -EINVAL: the input isn't a list of
    /// addresses; -ENOBUFS: the output is shorter than the input.
    public static func sorted(
        _ asked: lamina_operation,
        source: (UnsafeMutablePointer<lamina_address>, UnsafeMutablePointer<lamina_address>) -> Bool
    ) -> ControlAnswer {
        let stride = MemoryLayout<lamina_address>.stride
        guard let input = asked.input, asked.input_length % stride == 0 else { return ControlAnswer(-EINVAL) }
        guard let output = asked.output, asked.output_capacity >= asked.input_length else {
            return ControlAnswer(-ENOBUFS, bytes: asked.input_length)
        }
        let count = asked.input_length / stride
        output.copyMemory(from: input, byteCount: asked.input_length)
        AddressOrder.sort(output.bindMemory(to: lamina_address.self, capacity: count), count, source: source)
        return ControlAnswer(0, bytes: asked.input_length)
    }

    /// Writes `count` addresses, each by `fill`. -ENOBUFS: there is too little room, `bytes` are needed.
    public static func addresses(
        _ count: Int,
        _ asked: lamina_operation,
        fill: (Int, UnsafeMutablePointer<lamina_address>) -> Void
    ) -> ControlAnswer {
        let needed = count * MemoryLayout<lamina_address>.stride
        if needed == 0 { return ControlAnswer(0) }
        guard let output = asked.output, asked.output_capacity >= needed else {
            return ControlAnswer(-ENOBUFS, bytes: needed)
        }
        let addresses = output.bindMemory(to: lamina_address.self, capacity: count)
        for index in 0..<count {
            (addresses + index).initialize(to: lamina_address())
            fill(index, addresses + index)
        }
        return ControlAnswer(0, bytes: needed)
    }

    /// Whether an operation's buffers are there where their lengths say so.
    public static func hasBuffers(_ asked: lamina_operation) -> Bool {
        (asked.input != nil || asked.input_length == 0) && (asked.output != nil || asked.output_capacity == 0)
    }
}
