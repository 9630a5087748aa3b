import CallModel
import NIOCore

/// The little of STUN that a SIP server must speak on its UDP port: it answers a Binding request with the address it came
/// from, by which a client keeps its NAT binding and sees it change (RFC 5626 §4.4.2, RFC 5389 §7).
enum STUNKeepAlive {
  static let headerSize = 20
  private static let magicCookie: UInt32 = 0x2112_a442
  private static let bindingRequest: UInt16 = 0x0001
  private static let bindingSuccess: UInt16 = 0x0101
  private static let xorMappedAddress: UInt16 = 0x0020

  /// The answer to a well-formed Binding request, else nil.
  static func answer(
    to request: ByteBuffer, from remote: TransportAddress, allocator: ByteBufferAllocator
  ) -> ByteBuffer? {
    var request = request
    guard request.readInteger(as: UInt16.self) == bindingRequest,
      let length = request.readInteger(as: UInt16.self), length % 4 == 0,
      request.readInteger(as: UInt32.self) == magicCookie,
      let first = request.readInteger(as: UInt64.self), let last = request.readInteger(as: UInt32.self),
      request.readableBytes == Int(length)
    else { return nil }
    guard !hasUnknownRequiredAttribute(request) else { return nil }

    let addressSize = remote.ip.isIPv6 ? 16 : 4
    var answer = allocator.buffer(capacity: headerSize + 8 + addressSize)
    answer.writeInteger(bindingSuccess)
    answer.writeInteger(UInt16(8 + addressSize))
    answer.writeInteger(magicCookie)
    answer.writeInteger(first)
    answer.writeInteger(last)
    answer.writeInteger(xorMappedAddress)
    answer.writeInteger(UInt16(4 + addressSize))
    answer.writeInteger(UInt16(remote.ip.isIPv6 ? 2 : 1))
    answer.writeInteger(remote.port ^ UInt16(magicCookie >> 16))
    switch remote.ip {
    case .v4(let address):
      answer.writeInteger(address ^ magicCookie)
    case .v6(let high, let low):
      answer.writeInteger(high ^ (UInt64(magicCookie) << 32 | first >> 32))
      answer.writeInteger(low ^ (first << 32 | UInt64(last)))
    }
    return answer
  }

  /// Attributes 0x0000-0x7fff must be understood (RFC 5389 §15); a keep-alive carries none.
  private static func hasUnknownRequiredAttribute(_ attributes: ByteBuffer) -> Bool {
    var attributes = attributes
    while let type = attributes.readInteger(as: UInt16.self) {
      guard type >= 0x8000, let length = attributes.readInteger(as: UInt16.self) else { return true }
      let padded = (Int(length) + 3) & ~3
      guard attributes.readSlice(length: padded) != nil else { return true }
    }
    return false
  }
}
