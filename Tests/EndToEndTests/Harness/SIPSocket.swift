import Foundation
import Glibc

/// A UDP socket that says anything: for hostile input, and for peers that must do what no phone does.
final class SIPSocket: Sendable {
  let address: String
  let port: UInt16 = 5060
  let received = Inbox<String>()
  private let socket: Int32

  init() throws {
    address = Loopback.address()
    socket = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard Loopback.bind(socket, to: address, port: port) else { throw HarnessError("cannot bind \(address)") }
    // So that the reader notices the end.
    var time = timeval(tv_sec: 0, tv_usec: 200_000)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    let descriptor = fcntl(socket, F_DUPFD_CLOEXEC, 0)
    Thread { [weak self, received] in
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while true {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count > 0 {
          received.add(String(decoding: buffer[..<count], as: UTF8.self))
        } else if self == nil {
          break
        }
      }
      close(descriptor)
      received.close()
    }.start()
  }

  deinit { close(socket) }

  /// Sends text with its line ends made CRLF.
  func send(_ text: String, to address: String) {
    send(
      Array(
        text.replacingOccurrences(of: "\r\n", with: "\n").replacingOccurrences(of: "\n", with: "\r\n").utf8),
      to: address)
  }

  func send(_ bytes: [UInt8], to address: String) {
    var name = Loopback.socketName(address, 5060)
    _ = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(socket, bytes, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}
