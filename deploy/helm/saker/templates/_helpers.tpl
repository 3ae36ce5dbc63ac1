{{- define "saker.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "saker.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains .Chart.Name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "saker.selectorLabels" -}}
app.kubernetes.io/name: {{ include "saker.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "saker.labels" -}}
{{ include "saker.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "saker.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "saker.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "saker.image" -}}
{{- with .Values.image.registry }}{{ . }}/{{ end }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Whether the module may be what records. */}}
{{- define "saker.usesModule" -}}
{{- if has .Values.driver.kind (list "auto" "kmod") }}true{{ end }}
{{- end }}

{{/* Whether the agent can do with a few capabilities. */}}
{{- define "saker.leastPrivileged" -}}
{{- if and (eq .Values.driver.kind "modern_ebpf") .Values.driver.modernEbpf.leastPrivileged }}true{{ end }}
{{- end }}

{{/* The configuration: what `falco` says, and what the values of their own say. */}}
{{- define "saker.config" -}}
{{- $drivers := dict "auto" "auto" "kmod" "kmod" "modern_ebpf" "ebpf" }}
{{- if not (hasKey $drivers .Values.driver.kind) }}
{{- fail (printf "driver.kind: one of auto, kmod, modern_ebpf, got %q" .Values.driver.kind) }}
{{- end }}
{{- $engine := dict "kind" (ternary "modern_ebpf" "kmod" (eq .Values.driver.kind "modern_ebpf")) }}
{{- $_ := set $engine "kmod" (dict "buf_size_preset" .Values.driver.kmod.bufSizePreset) }}
{{- $ebpf := dict "buf_size_preset" .Values.driver.modernEbpf.bufSizePreset "cpus_for_each_buffer" .Values.driver.modernEbpf.cpusForEachBuffer }}
{{- $_ := set $engine "modern_ebpf" $ebpf }}
{{- $own := dict "driver" (get $drivers .Values.driver.kind) "threads" .Values.threads }}
{{- $config := deepCopy .Values.falco }}
{{- with .Values.collectors }}
{{- $_ := set $own "containers" (dict "wait_ms" .containerEngine.waitMs) }}
{{- $init := dict "label_max_len" .containerEngine.labelMaxLen "with_size" .containerEngine.withSize }}
{{- $engines := dict }}
{{- range $name, $engine := .containerEngine.engines }}
{{- if .enabled }}
{{- $_ := set $engines $name $engine }}
{{- else }}
{{- $_ := set $engines $name (dict "enabled" false "sockets" list) }}
{{- end }}
{{- end }}
{{- if not .enabled }}
{{- range $name := list "docker" "podman" "containerd" "cri" }}
{{- $_ := set $engines $name (dict "enabled" false "sockets" list) }}
{{- end }}
{{- end }}
{{- $_ := set $init "engines" $engines }}
{{- $plugin := dict "name" "container" "library_path" "libcontainer.so" "init_config" $init }}
{{- $_ := set $config "plugins" (append (default list $config.plugins) $plugin) }}
{{- $_ := set $config "load_plugins" (append (default list $config.load_plugins) "container") }}
{{- end }}
{{- $_ := set $config "engine" $engine }}
{{- $_ := set $config "saker" (mergeOverwrite $own (default dict $config.saker)) }}
{{- if .Values.metrics.enabled }}
{{- $_ := set $config "metrics" (mergeOverwrite (dict "enabled" true "interval" .Values.metrics.interval) (default dict $config.metrics)) }}
{{- $_ := set $config "webserver" (mergeOverwrite (dict "prometheus_metrics_enabled" true) (default dict $config.webserver)) }}
{{- end }}
{{- toYaml $config }}
{{- end }}
