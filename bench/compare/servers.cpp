#include "bench/compare/servers.h"

#include <fmt/format.h>

#include <cctype>

#include "backends/registry.h"
#include "bench/compare/workspace.h"

namespace sluice::compare {

namespace {

constexpr Nanos kVersionTimeout = 3 * kSecond;

using Launch = std::function<Result<Command>(const std::string& program, const LaunchOptions&)>;

Result<std::string> write_config(const LaunchOptions& options, const std::string& text) {
    std::string path = fmt::format("{}/{}.conf", options.work, options.port);
    if (auto written = write_file(path, text); !written) {
        return std::unexpected(written.error());
    }
    return path;
}

Command sluice(const std::string& program, const std::string& backend,
               const LaunchOptions& options) {
    Command command{program,
                    {"serve", options.root, "--listen", fmt::format("127.0.0.1:{}", options.port),
                     "--backend", backend, "--workers", "1"}};
    if (!options.log.empty()) {
        for (const char* one : {"--access-log", options.log.c_str(), "--log-format", "combined"}) {
            command.arguments.emplace_back(one);
        }
    }
    command.arguments.insert(command.arguments.end(), options.arguments.begin(),
                             options.arguments.end());
    return command;
}

Result<Command> nginx(const std::string& program, const LaunchOptions& options) {
    std::string temporary;
    for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
        temporary += fmt::format("  {0}_temp_path {1}/nginx-{0};\n", kind, options.work);
    }
    const auto config = write_config(
        options,
        fmt::format(
            "daemon off; {0} worker_processes 1; pid {1}/nginx.pid;\n"
            "error_log stderr crit; worker_rlimit_nofile 65536;\n"
            "events {{ worker_connections 20000; }}\n"
            "http {{\n"
            "  types {{ text/html html; image/jpeg jpg; }} charset utf-8;\n{2}"
            "  access_log {3};\n"
            "  sendfile on; tcp_nopush on; tcp_nodelay on;\n"
            "  keepalive_requests 1000000000; keepalive_timeout 300s;\n"
            "  open_file_cache max=200000 inactive=1h; open_file_cache_valid 60s;\n"
            "  open_file_cache_errors on;\n"
            "  server {{ listen 127.0.0.1:{4} backlog=4096; root \"{5}\"; index index.html; }}\n"
            "}}\n",
            is_root() ? "user root;" : "", options.work, temporary,
            options.log.empty() ? "off" : options.log + " combined", options.port, options.root));
    if (!config) {
        return std::unexpected(config.error());
    }
    return Command{program, {"-p", options.work, "-e", "stderr", "-c", *config}};
}

Result<Command> lighttpd(const std::string& program, const LaunchOptions& options) {
    // 65535 is the largest number that it takes.
    const auto config = write_config(
        options,
        fmt::format("server.modules = ( {0} )\n"
                    "server.document-root = \"{1}\"\n"
                    "server.port = {2}\n"
                    "server.bind = \"127.0.0.1\"\n"
                    "server.max-connections = 16384\n"
                    "server.max-fds = 40000\n"
                    "server.max-keep-alive-requests = 65535\n"
                    "server.max-keep-alive-idle = 300\n"
                    "server.stat-cache-engine = \"inotify\"\n"
                    "index-file.names = ( \"index.html\" )\n"
                    "mimetype.assign = ( \".html\" => \"text/html; charset=utf-8\", \".jpg\" => "
                    "\"image/jpeg\", \"\" => \"application/octet-stream\" )\n"
                    "{3}\n",
                    options.log.empty() ? "" : "\"mod_accesslog\"", options.root, options.port,
                    options.log.empty() ? "" : "accesslog.filename = \"" + options.log + "\""));
    if (!config) {
        return std::unexpected(config.error());
    }
    return Command{program, {"-D", "-f", *config}};
}

Result<Command> h2o(const std::string& program, const LaunchOptions& options) {
    const auto config = write_config(
        options,
        fmt::format("listen:\n  host: 127.0.0.1\n  port: {}\n{}num-threads: 1\n"
                    "max-connections: 20000\nhttp1-request-timeout: 300\n{}"
                    "hosts:\n  default:\n    paths:\n      \"/\":\n"
                    "        file.dir: \"{}\"\n        file.index: [ 'index.html' ]\n",
                    options.port, is_root() ? "user: root\n" : "",
                    options.log.empty() ? "" : "access-log: " + options.log + "\n", options.root));
    if (!config) {
        return std::unexpected(config.error());
    }
    return Command{program, {"-m", "worker", "-c", *config}};
}

Result<Command> apache(const std::string& program, const LaunchOptions& options) {
    // One process. The event MPM needs a thread for each request that it works on, and one for all
    // that wait. With no thread idle it closes kept-alive connections: so twice the usual 64.
    const auto config = write_config(
        options,
        fmt::format("ServerRoot \"{0}\"\nServerName 127.0.0.1\nListen 127.0.0.1:{1}\n"
                    "ListenBacklog 4096\nPidFile \"{0}/apache.pid\"\n{2}"
                    "LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\n"
                    "LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\n"
                    "LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so\n"
                    "LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so\n"
                    "TypesConfig /dev/null\nAddType text/html .html\nAddType image/jpeg .jpg\n"
                    "ServerLimit 1\nStartServers 1\nThreadLimit 128\nThreadsPerChild 128\n"
                    "MaxRequestWorkers 128\nMinSpareThreads 1\nMaxSpareThreads 128\n"
                    "AsyncRequestWorkerFactor 200\n"
                    "KeepAlive On\nMaxKeepAliveRequests 0\nKeepAliveTimeout 300\n"
                    "EnableSendfile On\nErrorLog \"{0}/apache-error.log\"\n{3}"
                    "DocumentRoot \"{4}\"\nDirectoryIndex index.html\n"
                    "<Directory \"{4}\">\n  Require all granted\n  AllowOverride None\n"
                    "</Directory>\n",
                    options.work, options.port, is_root() ? "User www-data\nGroup www-data\n" : "",
                    options.log.empty()
                        ? ""
                        : fmt::format("LogFormat \"%h %l %u %t \\\"%r\\\" %>s %b "
                                      "\\\"%{{Referer}}i\\\" \\\"%{{User-Agent}}i\\\"\" combined\n"
                                      "CustomLog \"{}\" combined\n",
                                      options.log),
                    options.root));
    if (!config) {
        return std::unexpected(config.error());
    }
    return Command{program, {"-f", *config, "-DFOREGROUND"}};
}

Result<Command> caddy(const std::string& program, const LaunchOptions& options) {
    // Its log is JSON; it does not have the format of the others.
    const auto config = write_config(
        options,
        fmt::format(
            "{{\n  admin off\n  auto_https off\n  grace_period 1s\n}}\n"
            "http://127.0.0.1:{} {{\n  bind 127.0.0.1\n  root * {}\n  file_server\n{}}}\n",
            options.port, options.root,
            options.log.empty() ? "" : "  log {\n    output file " + options.log + "\n  }\n"));
    if (!config) {
        return std::unexpected(config.error());
    }
    return Command{program,
                   {"run", "--adapter", "caddyfile", "--config", *config},
                   {"XDG_DATA_HOME=" + options.work, "XDG_CONFIG_HOME=" + options.work,
                    "HOME=" + options.work}};
}

ServerKind peer(const char* name,
                Result<Command> (*launch)(const std::string&, const LaunchOptions&)) {
    ServerKind kind{.name = name, .program = find_program(name)};
    kind.launch = [program = kind.program, launch](const LaunchOptions& options) {
        return launch(program, options);
    };
    return kind;
}

}  // namespace

std::vector<ServerKind> known_servers() {
    std::vector<ServerKind> all;
    for (const std::string& backend : backend_names()) {
        if (backend == "auto") {
            continue;
        }
        ServerKind kind{.name = "sluice " + backend, .program = own_program(), .ours = true};
        kind.launch = [backend](const LaunchOptions& options) -> Result<Command> {
            return sluice(own_program(), backend, options);
        };
        all.push_back(std::move(kind));
    }
    all.push_back(peer("nginx", nginx));
    all.push_back(peer("lighttpd", lighttpd));
    all.push_back(peer("h2o", h2o));
    all.push_back(peer("apache2", apache));
    all.push_back(peer("caddy", caddy));
    return all;
}

bool is_floor(const std::string& name) {
    return name == "floor" || name.starts_with("floor_");
}

Result<std::vector<std::string>> servers_named(const std::string& wanted) {
    std::vector<std::string> found;
    std::string names;
    for (const ServerKind& one : known_servers()) {
        names += one.name + ", ";
        if (name_matches(one.name, wanted)) {
            found.push_back(one.name);
        }
    }
    if (is_floor(wanted)) {
        found.push_back(wanted);
    }
    if (found.empty()) {
        return fail(Status::address_invalid,
                    "there is no server '" + wanted + "'; there are " + names + "floor");
    }
    return found;
}

Result<std::string> one_server(const std::string& wanted) {
    auto found = servers_named(wanted);
    if (!found) {
        return std::unexpected(found.error());
    }
    if (found->size() > 1) {
        return fail(Status::address_invalid,
                    "'" + wanted + "' means " + (*found)[0] + " as well as " + (*found)[1]);
    }
    return (*found)[0];
}

ServerKind floor_server(const FloorUse& use, const std::string& folder) {
    const std::string path = folder + "/" + use.program;
    ServerKind kind{.name = use.program,
                    .program = is_program(path) ? path : "",
                    .floor = true,
                    .reference = use.reference};
    kind.launch = [path, use](const LaunchOptions& options) -> Result<Command> {
        Command command{path, {"--port", std::to_string(options.port)}};
        command.arguments.insert(command.arguments.end(), use.arguments.begin(),
                                 use.arguments.end());
        if (!use.file.empty()) {
            command.arguments.insert(command.arguments.end(), {"--file", options.root + use.file});
        }
        return command;
    };
    return kind;
}

bool name_matches(const std::string& server, const std::string& wanted) {
    return server == wanted || server.starts_with(wanted + " ") || server.ends_with(" " + wanted) ||
           (wanted == "floor" && server.starts_with("floor_"));
}

std::string version_of(const ServerKind& server, const std::string& folder) {
    const char* option = server.name == "caddy" ? "version" : "-v";
    auto process = Process::start({server.program, {option}}, 0, folder + "/version");
    if (!process || !process->wait(kVersionTimeout)) {
        return "?";
    }
    // The first word that begins like a version: digits, a dot, a digit.
    const std::string text = process->output();
    for (std::size_t at = 0; at + 2 < text.size(); ++at) {
        const auto digit = [&](std::size_t i) {
            return i < text.size() && std::isdigit(static_cast<unsigned char>(text[i])) != 0;
        };
        if (!digit(at)) {
            continue;
        }
        std::size_t end = at;
        while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 ||
                                     text[end] == '.' || text[end] == '-')) {
            ++end;
        }
        const std::size_t dot = text.find('.', at);
        if (dot < end && digit(dot - 1) && digit(dot + 1)) {
            return text.substr(at, end - at);
        }
        at = end;
    }
    return "?";
}

}  // namespace sluice::compare
